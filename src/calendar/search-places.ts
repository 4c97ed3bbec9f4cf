import {
  createSharedPlaces,
  type SharedPlaces,
  type SharedPlacesDeps,
} from '#src/kernel/requests/callers/shared-places.ts';

/**
 * Limits the searches of events by symbol that run at the same time, because each one holds a connection and a core of PostgreSQL: it reads
 * all events of a calendar, so a few accounts with full calendars could hold all connections. A search in a full calendar takes about 100 ms, so the
 * last one waits about 3 s.
 */
export const createSearchPlaces = (deps: Pick<SharedPlacesDeps, 'abuse' | 'metrics' | 'now'>): SharedPlaces =>
  createSharedPlaces({
    ...deps,
    work: 'event_search',
    maxRunning: 2,
    maxWaiting: 64,
    maxPerCaller: 8,
    detailOfCaller: 'Too many searches of this caller in calendars are running',
    detail: 'Other searches in calendars are running',
    retryAfter: 1,
  });
