import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { freeBytes } from '#src/kernel/streams/free-bytes.ts';
import type { OpenBody } from './body-admission.ts';
import { tinyChunks } from '../server/counted-request.ts';
import { createBlocks } from './blocks.ts';
import { BodySource } from './body-source.ts';
import { assertNothingAfter, decoderBytes, decompressorOf, notCompressed, openOr } from './decompressor.ts';

/** Limits of the decompressed size of a compressed body. */
export type ExpansionLimits = {
  /**
   * Decompressed bytes that every body may have, whatever its ratio. The limit of the route (`maxBytes`) applies too.
   */
  readonly freeBytes: number;
  /** Max decompressed bytes per compressed byte, for a body larger than `freeBytes`. */
  readonly maxRatio: number;
};

export type ReceiveOptions<T> = {
  readonly maxBytes: number;
  readonly expansion: ExpansionLimits;
  /** @param onEnd ends the read with the given error */
  readonly open: (declaredBytes: number, onEnd: (error: AppError) => void) => OpenBody;
  /** Asks for the body if the client waits for that (`Expect: 100-continue`). */
  readonly ask: () => void;
  /** Called when a compressed body exceeds a limit by its decompressed size, or has far more bytes before. */
  readonly onExpansion: () => void;
  /** Called when the body arrives in very many tiny chunks. */
  readonly onTinyChunks: () => void;
  /**
   * Reads the body. It must copy the bytes that it keeps, because their memory is released afterwards. It may release a
   * piece itself once it has copied it. It must reject when the source emits `error`.
   */
  readonly read: (source: BodySource) => Promise<T>;
};

export type Received<T> = { readonly value: T; readonly release: () => void };

export const incomplete = (cause: Error): AppError =>
  new AppError('request_timeout', 'The body did not arrive', { cause });
export const tooLarge = (limit: number): AppError =>
  new AppError('payload_too_large', `The body may have at most ${limit} bytes`);

/**
 * Decompresses a body and gives it to a reader, piece by piece. It stops at the first byte above a limit, and does not
 * read what the client sends after that.
 * @returns the value of the reader. The bytes count against the limits until `release` is called.
 * @throws AppError `payload_too_large`, `malformed_body`, `unsupported_media_type`, `request_timeout`, `overloaded`,
 * `concurrency_limit_exceeded`
 */
export const receive = async <T>(request: IncomingMessage, options: ReceiveOptions<T>): Promise<Received<T>> => {
  const { maxBytes, expansion, open, ask, onExpansion, onTinyChunks, read } = options;
  const { headers } = request;
  const declared = Number(headers['content-length'] ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const plain = decompressorOf(request, {
    maxBytes,
    onEmpty: onExpansion,
    inTurn: (length, work) => body.unpack(length, work),
    busy: (isBusy) => body.awaited(!isBusy),
  });
  const input: Readable = plain ?? request;
  const source = new BodySource(headers['content-type'], input);
  const fail = (error: unknown): void => {
    input.off('data', take);
    source.emit('error', error);
  };
  const body = openOr(plain, () => open(declared, fail));
  const chunks: Buffer[] = [];
  let size = 0;
  let arrived = 0;
  let firstByte: number | undefined;
  let reserved = 0;
  const blocks = createBlocks((piece) => {
    chunks.push(piece);
    source.emit('data', piece);
  });

  const take = (chunk: Buffer): void => {
    try {
      size += chunk.length;
      if (size > maxBytes) {
        if (plain !== undefined) onExpansion();
        throw tooLarge(maxBytes);
      }
      if (plain !== undefined && size > Math.max(expansion.freeBytes, plain.bytesWritten * expansion.maxRatio)) {
        onExpansion();
        throw new AppError('payload_too_large', `Compressed by more than ${expansion.maxRatio} to 1`);
      }
      body.keep(chunk.length);
      blocks.write(chunk);
    } catch (error) {
      fail(error);
    }
  };
  /** Runs before the decompressor gets the piece. */
  const count = (chunk: Buffer): void => {
    body.arrived(chunk.length);
    arrived += chunk.length;
    if (plain === undefined || chunk.length === 0) return;
    firstByte ??= chunk[0]!;
    try {
      const needed = decoderBytes(request, firstByte, arrived);
      body.reserve(needed - reserved);
      reserved = needed;
      // A body without a length may have no more bytes than one with a length.
      if (arrived > maxBytes) {
        onExpansion();
        throw tooLarge(maxBytes);
      }
    } catch (error) {
      plain.destroy();
      fail(error);
    }
  };
  const end = (): void => {
    try {
      if (plain !== undefined) assertNothingAfter(plain, arrived);
      blocks.flush();
      source.emit('end');
    } catch (error) {
      fail(error);
    }
  };
  const refuseTinyChunks = (error: AppError): void => {
    onTinyChunks();
    fail(error);
  };
  const leave = (): void => {
    // Every stream emits `close`. It is an error only if the body has not ended before.
    if (!request.readableEnded) fail(incomplete(new Error('closed early')));
  };
  // Counts before the reader gets the piece, because a released piece has no length.
  request.on('data', count);
  input.on('data', take);
  input.on('end', end);
  request
    .on(tinyChunks, refuseTinyChunks)
    .on('close', leave)
    .on('error', (cause) => fail(incomplete(cause)));
  plain?.once('error', (cause) => fail(notCompressed(cause)));
  plain?.once('close', () => fail(notCompressed(new Error('closed early'))));
  const reading = read(source);
  if (request.closed) leave();
  ask();
  if (plain !== undefined) request.pipe(plain);

  try {
    const value = await reading;
    body.close();
    return { value, release: body.release };
  } catch (error) {
    body.release();
    throw error;
  } finally {
    for (const chunk of chunks) freeBytes(chunk);
    chunks.length = 0;
    request.off('data', count);
    request.off(tinyChunks, refuseTinyChunks);
    input.off('data', take);
    if (plain !== undefined) {
      request.unpipe(plain);
      plain.destroy();
    }
    // A flowing stream without a listener would read and discard data as long as the client sends.
    if (!request.readableEnded) request.pause();
  }
};
