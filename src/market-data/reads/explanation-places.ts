import {
  createSharedPlaces,
  type SharedPlaces,
  type SharedPlacesDeps,
} from '#src/kernel/requests/callers/shared-places.ts';

/**
 * Limits the explanations that are calculated at the same time, because each one adds a slice of work to each turn of the event loop. It repeats up
 * to 32 days of an index, and the route is public, so the callers of single prices must not wait for many of them. An explanation of a large index takes
 * about 100 ms, so the last one waits about 3 s.
 */
export const createExplanationPlaces = (deps: Pick<SharedPlacesDeps, 'abuse' | 'metrics'>): SharedPlaces =>
  createSharedPlaces({
    ...deps,
    work: 'index_explanation',
    maxRunning: 2,
    maxWaiting: 64,
    maxPerCaller: 8,
    detailOfCaller: 'Too many explanations of this caller are being calculated',
    detail: 'Other explanations are being calculated',
    retryAfter: 1,
  });
