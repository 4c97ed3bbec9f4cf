import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { OpenBody } from './body-admission.ts';

/** How far a compressed body may grow. */
export type ExpansionLimits = {
  /** Bytes that any compressed body may become, as far as its route takes them. */
  readonly freeBytes: number;
  /** Beyond those, bytes for each compressed byte. */
  readonly maxRatio: number;
};

export type ReceiveOptions = {
  readonly maxBytes: number;
  readonly expansion: ExpansionLimits;
  /** @param onSlow gives the body up */
  readonly open: (declaredBytes: number, onSlow: (error: AppError) => void) => OpenBody;
  /** Asks a client that waits for it for the body (`Expect: 100-continue`). */
  readonly ask: () => void;
  readonly onExpansion: () => void;
};

export type Received = { readonly bytes: Buffer; readonly release: () => void };

const incomplete = (cause: Error): AppError => new AppError('request_timeout', 'The body did not arrive', { cause });
const notCompressed = (cause: Error): AppError =>
  new AppError('malformed_body', 'The body is not what its Content-Encoding says', { cause });
const tooLarge = (limit: number): AppError =>
  new AppError('payload_too_large', `The body may have at most ${limit} bytes`);

type Decompressor = Transform & { readonly bytesWritten: number };
/** Above half of `Buffer.poolSize`, so that each piece has memory of its own: `free` cannot give back a part of a pool. */
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
 * Gives memory back at once. Left to the garbage collector, pieces of bodies gather to several times the size of the
 * bodies in progress (docs/decisions/0093), because nothing makes it hurry. A piece that shares its memory is left alone.
 */
const free = (chunks: Buffer[]): void => {
  for (const { buffer, byteLength } of chunks) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
  chunks.length = 0;
};

/** The pieces as one, in memory of its own. */
const join = (chunks: Buffer[], size: number): Buffer => {
  if (chunks.length === 1) return chunks[0]!;
  const whole = Buffer.concat(chunks, size);
  free(chunks);
  return whole;
};

/**
 * The bytes of a body, decompressed. Stops reading with the first byte that is too many; what the client goes on to
 * send is not read here.
 * @returns the bytes, which count until they are released
 * @throws AppError `payload_too_large`, `malformed_body`, `unsupported_media_type`, `request_timeout`, `overloaded`,
 *   `concurrency_limit_exceeded`
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
    // Every stream closes; only one that has not ended closes too early.
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
    // Without a listener a flowing stream would read on, and throw away, for as long as the client sends.
    if (!request.readableEnded) request.pause();
  }
};
