import { createTurns, type TurnsOptions } from './turns.ts';

/** Max bytes of a part. The worst known record costs about 5 microseconds and has 4 bytes, so a part costs at most 10 ms. */
export const maxPartBytes = 8_192;

export type PartsOptions = TurnsOptions & {
  /** Ends the parts with its reason before the next part. */
  readonly signal?: AbortSignal;
};

/**
 * Cuts pieces into parts that are cheap to parse, and gives the event loop a turn between two parts when the reader has
 * worked for some milliseconds. Every parser of streamed bytes must read through this, because a decompressed piece of
 * 256 KB can have 131,072 records, and pieces that are already in memory arrive without a turn of the event loop.
 */
export const inParts = async function* (
  pieces: AsyncIterable<Buffer>,
  { signal, ...options }: PartsOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const turns = createTurns(options);
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; start += maxPartBytes) {
      await turns.give();
      signal?.throwIfAborted();
      yield piece.subarray(start, start + maxPartBytes);
    }
  }
};
