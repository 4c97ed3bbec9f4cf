import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';

/** Max bytes of a part. The worst known record costs about 5 microseconds and has 4 bytes, so a part costs at most 10 ms. */
export const maxPartBytes = 8_192;
/** Max milliseconds of work before the event loop gets a turn. The part that is in work is added to it. */
const maxWorkMs = 5;

export type PartsOptions = {
  /** Ends the parts with its reason before the next part. */
  readonly signal?: AbortSignal;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic?: () => number;
  /** Resolves after the event loop has done its other work. */
  readonly nextTurn?: () => Promise<unknown>;
};

/**
 * Returns a function that gives the event loop a turn when its caller has worked for some milliseconds, and throws the
 * reason of an aborted signal.
 */
export const createTurns = ({
  signal,
  monotonic = () => performance.now(),
  nextTurn = nextTurnOfLoop,
}: PartsOptions = {}): (() => Promise<void> | undefined) => {
  let turnAt = monotonic();
  const turn = async (): Promise<void> => {
    await nextTurn();
    turnAt = monotonic();
    signal?.throwIfAborted();
  };
  return () => {
    if (monotonic() - turnAt >= maxWorkMs) return turn();
    signal?.throwIfAborted();
    return undefined;
  };
};

/**
 * Cuts pieces into parts that are cheap to parse, and gives the event loop a turn between two parts when the reader has
 * worked for some milliseconds. Every parser of streamed bytes must read through this, because a decompressed piece of
 * 256 KB can have 131,072 records, and pieces that are already in memory arrive without a turn of the event loop.
 */
export const inParts = async function* (
  pieces: AsyncIterable<Buffer>,
  options: PartsOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const takeTurn = createTurns(options);
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; start += maxPartBytes) {
      const turn = takeTurn();
      if (turn) await turn;
      yield piece.subarray(start, start + maxPartBytes);
    }
  }
};
