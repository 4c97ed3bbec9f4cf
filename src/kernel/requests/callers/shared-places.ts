import { createBoundedWork, type BoundedWorkOptions } from './bounded-work.ts';
import { createCallerPlaces, type CallerPlacesDeps } from './caller-places.ts';
import { holdingPlace } from './holding-place.ts';

/** `maxPerCaller`: running or waiting. `detail`: of the refusal when too many wait. */
export type SharedPlacesDeps = Pick<CallerPlacesDeps, 'abuse' | 'maxPerCaller' | 'retryAfter'> &
  Pick<BoundedWorkOptions, 'work' | 'metrics' | 'detail' | 'now'> & {
    /** Max works that run at once. */
    readonly maxRunning: number;
    /** Max works that wait. */
    readonly maxWaiting: number;
    /** Tells a caller with too many works why it is refused. */
    readonly detailOfCaller: string;
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
  const { abuse, maxRunning, maxWaiting, maxPerCaller, detailOfCaller, ...bounds } = deps;
  const { retryAfter } = bounds;
  const callers = createCallerPlaces({ abuse, maxPerCaller, detail: detailOfCaller, retryAfter });
  const bounded = createBoundedWork({ ...bounds, concurrency: maxRunning, queue: maxWaiting });
  return { use: (work) => callers.use(() => bounded.run(() => holdingPlace(work))) };
};
