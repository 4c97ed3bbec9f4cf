import type { Clock } from '#src/kernel/ports/clock.ts';

/** Callers with a batch that took longer than estimated. */
export type MovedCallers = { readonly add: (caller: string) => void; readonly has: (caller: string) => boolean };

const keptMs = 60_000;

/**
 * Remembers callers until the end of a minute, so that each of their batches does not use up the time that the event loop, or a process for short
 * work, gives a batch before it looks at its duration.
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
