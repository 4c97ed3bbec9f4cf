import { createTurns, type TurnsOptions } from './turns.ts';

/** Max bytes of a part. The worst known record costs about 5 microseconds and has 4 bytes, so a part costs at most 10 ms. */
export const maxPartBytes = 8_192;

/**
 * Cuts pieces into parts that are cheap to parse, and gives the event loop a turn between two parts when the reader has
 * worked for some milliseconds. Every parser of streamed bytes must read through this, because a decompressed piece of
 * 256 KB can have 131,072 records, and pieces that are already in memory arrive without a turn of the event loop.
 */
export const inParts = async function* (
  pieces: AsyncIterable<Buffer>,
  options: TurnsOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const turns = createTurns(options);
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; start += maxPartBytes) {
      const turn = turns.give();
      if (turn) await turn;
      yield piece.subarray(start, start + maxPartBytes);
    }
  }
};
