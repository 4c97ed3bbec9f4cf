import { createBlockWriter, type ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { BodySource } from '../../admission/body-source.ts';

/** Bytes that are copied in one turn of the event loop. Node reads up to 2 MB in a turn, which are 5 ms and more. */
const bytesOfTurn = 524_288;

/**
 * Reads a body of megabytes. koa-body would join the pieces in one step of the event loop.
 * @throws the error that the source emits
 */
export const readLargeBody = (source: BodySource): Promise<ByteBlocks> => {
  const { promise, resolve, reject } = Promise.withResolvers<ByteBlocks>();
  const blocks = createBlockWriter();
  let size = 0;
  /** A decompressor reports its close as an error also after the end of the body. */
  let hasEnded = false;
  const fail = (error: Error): void => {
    if (hasEnded) return;
    hasEnded = true;
    // The bytes of a refused body would stay until a collection of the whole heap.
    blocks.end().release();
    reject(error);
  };
  let turnBegan = 0;
  let isRead = true;
  const giveTurn = (): void => {
    turnBegan = size;
    source.pause();
    setImmediate(() => isRead && source.resume());
  };
  const take = (piece: Buffer): void => {
    size += piece.length;
    blocks.write(piece);
    if (size - turnBegan >= bytesOfTurn) giveTurn();
  };
  source.on('data', take);
  source.on('error', fail);
  source.once('end', () => {
    hasEnded = true;
    resolve(blocks.end());
  });
  return promise.finally(() => (isRead = false));
};
