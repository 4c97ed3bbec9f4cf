import type { Clock } from '#src/kernel/ports/clock.ts';

export type BlockedSubjects = {
  /** Refuses a subject in this process for this time. */
  readonly block: (subject: string, milliseconds: number) => void;
  /** Milliseconds until the subject can be counted again; 0 for a subject that is not blocked. */
  readonly remainingMs: (subject: string) => number;
};

const maxSubjects = 10_000;

/**
 * Remembers the subjects over their limit, so that their requests cost no command to Redis. The clock is monotonic: a
 * wall clock that is set back would block a subject for as much longer.
 */
export const createBlockedSubjects = (clock: Pick<Clock, 'monotonic'>): BlockedSubjects => {
  const ends = new Map<string, number>();
  return {
    block: (subject, milliseconds) => {
      const now = clock.monotonic();
      if (ends.size >= maxSubjects) for (const [key, end] of ends) if (end <= now) ends.delete(key);
      // A full map forgets its oldest subject, which is then counted in Redis again.
      const [oldest] = ends.keys();
      if (ends.size >= maxSubjects && oldest !== undefined) ends.delete(oldest);
      ends.set(subject, now + milliseconds);
    },
    remainingMs: (subject) => {
      const end = ends.get(subject);
      if (end === undefined) return 0;
      const remaining = end - clock.monotonic();
      if (remaining > 0) return remaining;
      ends.delete(subject);
      return 0;
    },
  };
};
