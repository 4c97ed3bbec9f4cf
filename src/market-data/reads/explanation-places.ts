import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { createBoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { createCallerPlaces } from '#src/kernel/requests/callers/caller-places.ts';

export type ExplanationPlaces = {
  /**
   * Runs the work when a place is free.
   * @throws AppError `concurrency_limit_exceeded` if the caller has too many explanations in progress, `overloaded` if too
   *   many wait
   */
  readonly use: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Each running explanation adds a slice of work to each turn of the event loop. */
const maxRunning = 2;
/** An explanation of a large index takes about 100 ms, so the last one waits about 3 s. */
const maxWaiting = 64;
const maxPerCaller = 8;
const retryAfter = 1;

/**
 * Limits the explanations that are calculated at the same time. An explanation repeats up to 32 days of an index, and the
 * route is public, so the callers of single prices must not wait for many of them. Callers take turns.
 */
export const createExplanationPlaces = ({ abuse }: { readonly abuse: AbuseReport }): ExplanationPlaces => {
  const callers = createCallerPlaces({
    abuse,
    maxPerCaller,
    detail: 'Too many explanations of this caller are being calculated',
    retryAfter,
  });
  const work = createBoundedWork({
    concurrency: maxRunning,
    queue: maxWaiting,
    detail: 'Other explanations are being calculated',
    retryAfter,
  });
  return { use: (explain) => callers.use(() => work.run(explain)) };
};
