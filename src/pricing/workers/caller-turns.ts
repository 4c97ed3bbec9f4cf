/**
 * A common virtual time in milliseconds, and the callers that have used more than their share of it. The time passes
 * while work is done: slowly while many callers wait, because each gets a small share (weighted fair queueing).
 */
export type CallerTurns = {
  /** The position of a caller. A caller that did nothing stands at the common time, so it saves up no credit. */
  readonly of: (caller: string) => number;
  readonly set: (caller: string, position: number) => void;
  /** The common time passes. */
  readonly pass: (milliseconds: number) => void;
  /** Sets the common time to `position`, if that is later. */
  readonly reach: (position: number) => void;
  /** Number of callers that are remembered. */
  readonly size: () => number;
};

/** Limits the memory that an attack from many addresses can use. */
const maxCallers = 10_000;

export const createCallerTurns = (): CallerTurns => {
  const positions = new Map<string, number>();
  let common = 0;

  /** Removes at least a tenth of the callers, so that this loop over all callers runs rarely. */
  const forget = (): void => {
    for (const [caller, position] of positions) if (position <= common) positions.delete(caller);
    // A map keeps the order of insertion, so the callers without work for the longest time come first.
    for (const caller of positions.keys()) {
      if (positions.size <= 0.9 * maxCallers) return;
      positions.delete(caller);
    }
  };

  return {
    of: (caller) => Math.max(common, positions.get(caller) ?? common),
    set: (caller, position) => {
      positions.delete(caller);
      if (position <= common) return;
      if (positions.size >= maxCallers) forget();
      positions.set(caller, position);
    },
    pass: (milliseconds) => {
      common += milliseconds;
    },
    reach: (position) => {
      common = Math.max(common, position);
    },
    size: () => positions.size,
  };
};
