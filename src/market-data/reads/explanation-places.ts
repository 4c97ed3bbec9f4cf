import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
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
/** An explanation of a large index takes about 100 ms, so the last one waits about 2 s. */
const maxWaiting = 32;
const maxPerCaller = 8;
const retryAfter = 1;

/**
 * Limits the explanations that are calculated at the same time. An explanation repeats up to 32 days of an index, and the
 * route is public, so the callers of single prices must not wait for many of them.
 */
export const createExplanationPlaces = ({ abuse }: { readonly abuse: AbuseReport }): ExplanationPlaces => {
  const waiting: (() => void)[] = [];
  const callers = createCallerPlaces({
    abuse,
    maxPerCaller,
    detail: 'Too many explanations of this caller are being calculated',
    retryAfter,
  });
  let running = 0;

  const enter = async (): Promise<void> => {
    if (running < maxRunning) {
      running += 1;
      return;
    }
    if (waiting.length >= maxWaiting) {
      throw new AppError('overloaded', 'Other explanations are being calculated', { retryAfter });
    }
    const place = Promise.withResolvers<void>();
    waiting.push(place.resolve);
    await place.promise;
  };
  /** The place goes to the next one that waits, so `running` stays. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };

  return {
    use: (work) =>
      callers.use(async () => {
        await enter();
        try {
          return await work();
        } finally {
          leave();
        }
      }),
  };
};
