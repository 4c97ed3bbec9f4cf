import {
  createSharedPlaces,
  type SharedPlaces,
  type SharedPlacesDeps,
} from '#src/kernel/requests/callers/shared-places.ts';

/**
 * Limits the explanations that are calculated at the same time, because each one holds a connection, and the route is public. While the event loop is
 * busy an explanation takes 100 to 200 ms, most of it in turns between its six statements, so the last one of the queue waits about 3 s.
 *
 * A request has a place of large pages too, also for an explanation of the cache. Stale explanations are calculated in the background, and have only these places.
 */
export const createExplanationPlaces = (deps: Pick<SharedPlacesDeps, 'abuse' | 'metrics'>): SharedPlaces =>
  createSharedPlaces({
    ...deps,
    work: 'index_explanation',
    maxRunning: 4,
    maxWaiting: 64,
    maxPerCaller: 8,
    detailOfCaller: 'Too many explanations of this caller are being calculated',
    detail: 'Other explanations are being calculated',
    retryAfter: 1,
  });
