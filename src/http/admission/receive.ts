import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { OpenBody } from './body-admission.ts';

/** Limits of the decompressed size of a compressed body. */
export type ExpansionLimits = {
  /**
   * Decompressed bytes that every body may have, whatever its ratio. The limit of the route (`maxBytes`) applies too.
   */
  readonly freeBytes: number;
  /** Max decompressed bytes per compressed byte, for a body larger than `freeBytes`. */
  readonly maxRatio: number;
};

export type ReceiveOptions = {
  readonly maxBytes: number;
  readonly expansion: ExpansionLimits;
  /** @param onSlow ends the read with the given error */
  readonly open: (declaredBytes: number, onSlow: (error: AppError) => void) => OpenBody;
  /** Asks for the body if the client waits for that (`Expect: 100-continue`). */
  readonly ask: () => void;
  /** Called when a compressed body exceeds a limit by its decompressed size. */
  readonly onExpansion: () => void;
};

export type Received = { readonly bytes: Buffer; readonly release: () => void };

const incomplete = (cause: Error): AppError => new AppError('request_timeout', 'The body did not arrive', { cause });
const notCompressed = (cause: Error): AppError =>
  new AppError('malformed_body', 'The body is not what its Content-Encoding says', { cause });
const tooLarge = (limit: number): AppError =>
  new AppError('payload_too_large', `The body may have at most ${limit} bytes`);

type Decompressor = Transform & { readonly bytesWritten: number };
/**
 * Larger than half of `Buffer.poolSize`, so that each piece has its own memory: `free` cannot release a part of the
 * pool.
 */
const options = { chunkSize: 262_144 };
const decompressors: Readonly<Record<string, () => Decompressor>> = {
  gzip: () => createGunzip(options),
  'x-gzip': () => createGunzip(options),
  deflate: () => createInflate(options),
  br: () => createBrotliDecompress(options),
};

/** @throws AppError `unsupported_media_type` */
const decompressorOf = (request: IncomingMessage): Decompressor | undefined => {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return undefined;
  const create = Object.hasOwn(decompressors, encoding) ? decompressors[encoding] : undefined;
  if (create !== undefined) return create();
  throw new AppError('unsupported_media_type', 'Content-Encoding must be gzip, deflate or br', {
    headers: { 'Accept-Encoding': 'gzip, deflate, br' },
  });
};

/**
 * Releases the memory of the pieces at once. With the garbage collector alone, pieces would grow to several times the
 * size of the bodies in progress (docs/decisions/0093), because nothing triggers a collection early. A piece that
 * shares its memory is not released.
 */
const free = (chunks: Buffer[]): void => {
  for (const { buffer, byteLength } of chunks) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
  chunks.length = 0;
};

/** Joins the pieces in one buffer. Pieces that were copied are released. */
const join = (chunks: Buffer[], size: number): Buffer => {
  if (chunks.length === 1) return chunks[0]!;
  const whole = Buffer.concat(chunks, size);
  free(chunks);
  return whole;
};

/**
 * Reads and decompresses a body. It stops at the first byte above a limit, and does not read what the client sends
 * after that.
 * @returns the bytes, which count against the limits until `release` is called
 * @throws AppError `payload_too_large`, `malformed_body`, `unsupported_media_type`, `request_timeout`, `overloaded`,
 * `concurrency_limit_exceeded`
 */
export const receive = async (request: IncomingMessage, options: ReceiveOptions): Promise<Received> => {
  const { maxBytes, expansion, open, ask, onExpansion } = options;
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const plain = decompressorOf(request);
  const source: Readable = plain ?? request;
  const stopped = Promise.withResolvers<Buffer>();
  const body = open(declared, stopped.reject);
  const chunks: Buffer[] = [];
  let size = 0;

  const take = (chunk: Buffer): void => {
    try {
      size += chunk.length;
      const grown =
        plain !== undefined && size > Math.max(expansion.freeBytes, plain.bytesWritten * expansion.maxRatio);
      if (plain !== undefined && (grown || size > maxBytes)) onExpansion();
      if (size > maxBytes) throw tooLarge(maxBytes);
      if (grown) throw new AppError('payload_too_large', `Compressed by more than ${expansion.maxRatio} to 1`);
      body.keep(chunk.length);
      chunks.push(chunk);
    } catch (error) {
      source.off('data', take);
      stopped.reject(error);
    }
  };
  const count = (chunk: Buffer): void => body.arrived(chunk.length);
  const leave = (): void => {
    // Every stream emits `close`. It is an error only if the body has not ended before.
    if (!request.readableEnded) stopped.reject(incomplete(new Error('closed early')));
  };
  source.on('data', take);
  source.once('end', () => stopped.resolve(join(chunks, size)));
  request
    .on('data', count)
    .once('close', leave)
    .once('error', (cause) => stopped.reject(incomplete(cause)));
  plain?.once('error', (cause) => stopped.reject(notCompressed(cause)));
  plain?.once('close', () => stopped.reject(notCompressed(new Error('closed early'))));
  ask();
  if (plain !== undefined) request.pipe(plain);

  try {
    const bytes = await stopped.promise;
    body.close();
    return { bytes, release: body.release };
  } catch (error) {
    body.release();
    free(chunks);
    throw error;
  } finally {
    request.off('data', count);
    source.off('data', take);
    if (plain !== undefined) {
      request.unpipe(plain);
      plain.destroy();
    }
    // A flowing stream without a listener would read and discard data as long as the client sends.
    if (!request.readableEnded) request.pause();
  }
};
