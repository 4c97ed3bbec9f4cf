import type { AbuseReport } from '../../catalogue/abuse.ts';
import { createBoundedWork } from './bounded-work.ts';
import { createCallerPlaces } from './caller-places.ts';

export type SharedPlacesDeps = {
  readonly abuse: AbuseReport;
  /** Max works that run at once. */
  readonly maxRunning: number;
  /** Max works that wait. */
  readonly maxWaiting: number;
  /** Max works that one caller has running or waiting. */
  readonly maxPerCaller: number;
  /** Tells a caller with too many works why it is refused. */
  readonly detailOfCaller: string;
  /** Tells a caller that finds no place what the service is busy with. */
  readonly detail: string;
  /** Seconds until a refused caller may try again. */
  readonly retryAfter: number;
};

export type SharedPlaces = {
  /**
   * Runs the work when a place is free.
   * @throws AppError `concurrency_limit_exceeded` if the caller has too many in progress, `overloaded` if too many wait
   */
  readonly use: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Places for work that is expensive for one request. A caller has a max of them, and networks and callers take turns. */
export const createSharedPlaces = (deps: SharedPlacesDeps): SharedPlaces => {
  const { abuse, maxRunning, maxWaiting, maxPerCaller, detailOfCaller, detail, retryAfter } = deps;
  const callers = createCallerPlaces({ abuse, maxPerCaller, detail: detailOfCaller, retryAfter });
  const bounded = createBoundedWork({ concurrency: maxRunning, queue: maxWaiting, detail, retryAfter });
  return { use: (work) => callers.use(() => bounded.run(work)) };
};
