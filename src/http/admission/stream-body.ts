import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import type { FileStream } from '#src/kernel/body-stream.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { CountedRequest, tinyChunks } from '../server/counted-request.ts';
import { arriving } from './arriving.ts';
import { assertNothingAfter, decompressorOf, notCompressed, openOr, type Decompressor } from './decompressor.ts';
import type { OpenBody } from './body-admission.ts';
import { tooLarge, type ExpansionLimits, type ReceiveOptions } from './receive.ts';

export type StreamLimits = {
  /** Max bytes as they arrive. */
  readonly maxBytes: number;
  /** Max bytes after decompression. */
  readonly maxUnpackedBytes: number;
};

export type StreamOptions = Pick<ReceiveOptions<unknown>, 'open' | 'ask' | 'onExpansion' | 'onTinyChunks'> &
  StreamLimits & { readonly expansion: ExpansionLimits };

/** Decompresses the pieces. The request is not part of the pipeline, because a pipeline destroys its streams. */
const unpack = async function* (
  pieces: AsyncIterable<Buffer>,
  plain: Decompressor,
  {
    check,
    arrivedBytes,
    signal,
  }: {
    readonly check: (unpackedBytes: number, packedBytes: number) => void;
    readonly arrivedBytes: () => number;
    /** Aborted with the error that ends the body. */
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Buffer, void, undefined> {
  // The client can leave before the first piece is read. `plain` is destroyed then, and a pipeline would throw another error.
  signal.throwIfAborted();
  // An error of either stream destroys `plain`, and the loop below throws it.
  pipeline(Readable.from(pieces), plain, () => {});
  let size = 0;
  try {
    for await (const piece of plain as AsyncIterable<Buffer>) {
      size += piece.length;
      check(size, plain.bytesWritten);
      yield piece;
    }
    assertNothingAfter(plain, arrivedBytes());
  } catch (error) {
    throw notCompressed(error as Error);
  }
};

/**
 * Gives the decompressed bytes of a body to `consume` while they arrive. It keeps a few pieces in memory, whatever the
 * size of the body. The client is slowed down to the speed of `consume`; the min rate of a body applies only while data of
 * the client are awaited.
 * @throws AppError `payload_too_large`, `malformed_body`, `unsupported_media_type`, `request_timeout`, `overloaded`,
 * `concurrency_limit_exceeded`, or the error of `consume`
 */
export const streamBody = async <T>(
  request: IncomingMessage,
  options: StreamOptions,
  consume: (body: Pick<FileStream, 'pieces' | 'signal'>) => Promise<T>,
): Promise<T> => {
  const { maxBytes, maxUnpackedBytes, expansion, open, ask, onExpansion, onTinyChunks } = options;
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const inTurn: OpenBody['unpack'] = (length, work) => body.unpack(length, work);
  const plain = decompressorOf(request, { maxBytes, onEmpty: onExpansion, inTurn });
  const body = openOr(plain, () => open(0, (error) => source.fail(error)));
  let size = 0;
  const source = arriving(request, {
    arrived: (bytes) => {
      body.arrived(bytes);
      size += bytes;
      if (size > maxBytes) source.fail(tooLarge(maxBytes));
    },
    awaited: body.awaited,
  });
  const check = (unpackedBytes: number, packedBytes: number): void => {
    const { freeBytes, maxRatio } = expansion;
    const isDense = unpackedBytes > Math.max(freeBytes, packedBytes * maxRatio);
    if (!isDense && unpackedBytes <= maxUnpackedBytes) return;
    onExpansion();
    if (isDense) throw new AppError('payload_too_large', `Compressed by more than ${maxRatio} to 1`);
    throw new AppError('payload_too_large', `The body may have at most ${maxUnpackedBytes} bytes after decompression`);
  };
  const refuseTinyChunks = (error: AppError): void => {
    onTinyChunks();
    source.fail(error);
  };
  // The rest that is already in memory is not decompressed.
  const discard = (): void => void plain?.destroy(source.signal.reason as Error);
  source.signal.addEventListener('abort', discard, { once: true });
  if (source.signal.aborted) discard();
  request.once(tinyChunks, refuseTinyChunks);
  if (request instanceof CountedRequest) request.isLong = true;
  ask();
  try {
    const pieces =
      plain === undefined
        ? source.pieces
        : unpack(source.pieces, plain, { check, arrivedBytes: () => size, signal: source.signal });
    return await consume({ pieces, signal: source.signal });
  } finally {
    source.close();
    source.signal.removeEventListener('abort', discard);
    request.off(tinyChunks, refuseTinyChunks);
    plain?.destroy();
    body.release();
  }
};
