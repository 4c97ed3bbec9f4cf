import type { IncomingMessage } from 'node:http';
import type { Duplex, Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { unpackInTurns, type UnpackOptions } from './bodies/unpack-in-turns.ts';

export type Decompressor = Duplex & { readonly bytesWritten: number };

/**
 * Larger than half of `Buffer.poolSize`, so that each piece has its own memory, which can be released. Smaller than the
 * 128 KB from which the allocator asks the system for each piece (`MALLOC_MMAP_THRESHOLD_`): while it does so, no thread of
 * the process gets new pages. Under attack the event loop waited for 7 of 55 s because of that. See docs/decisions/0270.
 * The stream waits after each piece, because `unpackInTurns` decides when the next one is made.
 */
const options = { chunkSize: 65_536, readableHighWaterMark: 1 };
/** The max window of zstd over HTTP is 8 MB (RFC 9659). A frame may ask for 128 MB. */
const zstdOptions = { ...options, params: { [constants.ZSTD_d_windowLogMax]: 23 } };

type Coding = {
  readonly create: () => Transform & { readonly bytesWritten: number };
  /** Packed bytes that an honest body may have before their unpacked ones. */
  readonly maxAhead: number;
  /** The same for a body that may be large. Default: `maxAhead`. */
  readonly maxAheadOfLarge?: number;
  /** A job can take 0.1 s, so it waits for a place of its own. */
  readonly hasLongJobs?: true;
};
/** A route that takes more has slots, so its bodies are few. */
const smallBytes = 1_048_576;
const gzip: Coding = { create: () => createGunzip(options), maxAhead: 8_192 };

const codings: Readonly<Record<string, Coding>> = {
  gzip,
  'x-gzip': gzip,
  deflate: { create: () => createInflate(options), maxAhead: 8_192 },
  // Its encoder writes up to 768 tables of codes before the first byte of a large part: 12 KB for columns of Arrow, and up to 60 KB.
  br: { create: () => createBrotliDecompress(options), maxAhead: 16_384, maxAheadOfLarge: 65_536, hasLongJobs: true },
  // Its decoder emits a block when it has all of it: up to 128 KB, and the part of the next one that came with its end.
  zstd: { create: () => createZstdDecompress(zstdOptions), maxAhead: 147_456 },
};

const encodingOf = ({ headers }: IncomingMessage): string =>
  headers['content-encoding']?.trim().toLowerCase() ?? 'identity';

/**
 * Bytes that the decompressor takes before it emits the first one. Brotli fills its whole window first, up to 16 MB from a body of 14
 * bytes. The first byte of its data has the size of the window (RFC 7932, section 9.1). The others take what they emit.
 */
export const windowBytes = (request: IncomingMessage, firstByte: number): number => {
  if (encodingOf(request) !== 'br') return 0;
  const bits = (firstByte >> 1) & 7;
  return (firstByte & 1) === 1 && bits > 0 ? 2 ** (17 + bits) : 2 ** 17;
};

/** A byte of brotli can fill 700 bytes of tables, and a body has at most 2.7 MB of them at once. */
const tableBytesPerByte = 1_024;
export const maxTableBytes = 2_883_584;

/**
 * Bytes that the decompressor holds and has not emitted, after so many packed ones: the window and the tables of codes. Those of brotli
 * stay until the end of their part of the body, which may never come. See docs/decisions/0378.
 */
export const decoderBytes = (request: IncomingMessage, firstByte: number, packedBytes: number): number => {
  const window = windowBytes(request, firstByte);
  return window === 0 ? 0 : window + Math.min(maxTableBytes, packedBytes * tableBytesPerByte);
};

export type DecompressorOptions = Pick<UnpackOptions, 'busy'> & {
  /** Runs work when this body has its turn, among those whose jobs are as long. */
  readonly inTurn: <T>(length: 'long' | 'short', work: () => Promise<T>) => Promise<T>;
  /** Max bytes of the body. */
  readonly maxBytes: number;
  /** Called when the input unpacks to nothing. */
  readonly onEmpty: () => void;
};

/**
 * The decompressor of the body, undefined if it is not compressed. It ends with `payload_too_large` when its input unpacks to nothing.
 * @throws AppError `unsupported_media_type`
 */
export const decompressorOf = (
  request: IncomingMessage,
  { maxBytes, onEmpty, inTurn, busy }: DecompressorOptions,
): Decompressor | undefined => {
  const encoding = encodingOf(request);
  if (encoding === 'identity') return undefined;
  const coding = Object.hasOwn(codings, encoding) ? codings[encoding] : undefined;
  if (coding !== undefined) {
    const refuse = (): AppError => {
      onEmpty();
      return new AppError('payload_too_large', 'The body has far more compressed bytes than it has decompressed ones');
    };
    const { maxAhead, maxAheadOfLarge = maxAhead } = coding;
    const limit = maxBytes > smallBytes ? maxAheadOfLarge : maxAhead;
    const unpacking = unpackInTurns(coding.create(), {
      maxAhead: limit,
      refuse,
      inTurn: (work) => inTurn(coding.hasLongJobs ? 'long' : 'short', work),
      ...(busy && { busy }),
    });
    // An error can come before the reader listens, or after it has ended: without a listener it would end the process.
    return unpacking.on('error', () => {});
  }
  throw new AppError('unsupported_media_type', 'Content-Encoding must be gzip, deflate, br or zstd', {
    headers: { 'Accept-Encoding': 'gzip, deflate, br, zstd' },
  });
};

/**
 * Node ends the bodies of br, deflate and zstd silently at the end of the first stream when more bytes follow in the same
 * piece. A proxy could read these bytes as part of the body, so they are refused, as the bytes after gzip are.
 * @param arrivedBytes all bytes that have arrived
 * @throws AppError `malformed_body`
 */
export const assertNothingAfter = ({ bytesWritten }: Decompressor, arrivedBytes: number): void => {
  if (bytesWritten === arrivedBytes) return;
  throw new AppError('malformed_body', 'The body has bytes after the end of its compressed data');
};

/** The refusal of a body whose decompressor has failed. */
export const notCompressed = (cause: Error): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError('malformed_body', 'The body is not what its Content-Encoding says', { cause });

/** Opens a body that is admitted. A refused one gives the memory of its decompressor back at once, because the service is busy then. */
export const openOr = <Body>(decompressor: { readonly destroy: () => unknown } | undefined, open: () => Body): Body => {
  try {
    return open();
  } catch (error) {
    decompressor?.destroy();
    throw error;
  }
};
