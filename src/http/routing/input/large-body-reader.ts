import { joinInTurns } from '#src/kernel/streams/join-in-turns.ts';
import type { BodySource } from '../../admission/body-source.ts';
import { BodyTooLarge } from '../../admission/receive.ts';

/**
 * A reader for bodies of megabytes. koa-body would join the pieces in one step of the event loop.
 * @returns a function that rejects with BodyTooLarge, and with the error that the source emits
 */
export const createLargeBodyReader =
  (maxBytes: number) =>
  (source: BodySource): Promise<Buffer> => {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const pieces: Buffer[] = [];
    let size = 0;
    const take = (piece: Buffer): void => {
      size += piece.length;
      if (size > maxBytes) {
        source.off('data', take);
        source.pause();
        reject(new BodyTooLarge());
      } else pieces.push(piece);
    };
    source.on('data', take);
    source.once('error', reject);
    source.once('end', () => {
      // A decompressor closes after its end, while the pieces are joined.
      source.off('error', reject);
      joinInTurns(pieces).then(resolve, reject);
    });
    return promise;
  };
