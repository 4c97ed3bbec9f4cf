import type { Clock } from '#src/kernel/ports/clock.ts';

/** Callers with a batch that a pricing process had to begin again. */
export type MovedCallers = { readonly add: (caller: string) => void; readonly has: (caller: string) => boolean };

const keptMs = 60_000;

/**
 * Remembers callers until the end of a minute, so that a caller with batches that take longer than estimated cannot use up some milliseconds of the
 * event loop with each of them.
 */
export const createMovedCallers = ({ monotonic }: Pick<Clock, 'monotonic'>): MovedCallers => {
  const callers = new Set<string>();
  let endsAt = Number.NEGATIVE_INFINITY;
  const clearOld = (): void => {
    const now = monotonic();
    if (now < endsAt) return;
    callers.clear();
    endsAt = now + keptMs;
  };
  return {
    add: (caller) => {
      clearOld();
      callers.add(caller);
    },
    has: (caller) => {
      clearOld();
      return callers.has(caller);
    },
  };
};
