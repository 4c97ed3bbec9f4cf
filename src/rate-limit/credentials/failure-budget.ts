import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Quota } from '../policies.ts';

export type FailureBudget = {
  /**
   * Reserves one failure, so that simultaneous look-ups cannot exceed the budget.
   * @returns the milliseconds until the subject may try again; 0 if the failure is reserved
   */
  readonly reserve: (subject: string) => number;
  /** Ends a reservation. `failed`: the reserved failure happened. */
  readonly settle: (subject: string, failed: boolean) => void;
};

type Entry = { failures: number; reserved: number; readonly endsAt: number };

const maxSubjects = 10_000;
/** The wait when only reservations, which last as long as a statement, fill the budget. */
const reservedMs = 1_000;

/** Counts the failures of each subject in fixed windows, in the memory of this process. */
export const createFailureBudget = (clock: Pick<Clock, 'monotonic'>, quota: Quota): FailureBudget => {
  const entries = new Map<string, Entry>();

  const entryOf = (subject: string, now: number): Entry => {
    const known = entries.get(subject);
    if (known && known.endsAt > now) return known;
    entries.delete(subject);
    const [oldest] = entries.size >= maxSubjects ? entries.keys() : [];
    if (oldest !== undefined) entries.delete(oldest);
    const entry = { failures: 0, reserved: known?.reserved ?? 0, endsAt: now + quota.windowSeconds * 1_000 };
    entries.set(subject, entry);
    return entry;
  };

  return {
    reserve: (subject) => {
      const now = clock.monotonic();
      const entry = entryOf(subject, now);
      if (entry.failures >= quota.points) return entry.endsAt - now;
      if (entry.failures + entry.reserved >= quota.points) return reservedMs;
      entry.reserved += 1;
      return 0;
    },
    settle: (subject, failed) => {
      const entry = entryOf(subject, clock.monotonic());
      entry.reserved = Math.max(0, entry.reserved - 1);
      if (failed) entry.failures += 1;
    },
  };
};
