import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { createBoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { createCallerPlaces } from '#src/kernel/requests/callers/caller-places.ts';

export type SearchPlaces = {
  /**
   * Runs the search when a place is free.
   * @throws AppError `concurrency_limit_exceeded` if the caller has too many searches in progress, `overloaded` if too many wait
   */
  readonly use: <T>(search: () => Promise<T>) => Promise<T>;
};

/** Each running search holds a connection and a core of PostgreSQL. */
const maxRunning = 2;
/** A search in a full calendar takes about 100 ms, so the last one waits about 3 s. */
const maxWaiting = 64;
const maxPerCaller = 8;
const retryAfter = 1;

/**
 * Limits the searches of events by symbol that run at the same time. A search reads all events of a calendar, so a few accounts with full
 * calendars could hold all connections of the database. Networks and callers take turns.
 */
export const createSearchPlaces = ({ abuse }: { readonly abuse: AbuseReport }): SearchPlaces => {
  const callers = createCallerPlaces({
    abuse,
    maxPerCaller,
    detail: 'Too many searches of this caller in calendars are running',
    retryAfter,
  });
  const work = createBoundedWork({
    concurrency: maxRunning,
    queue: maxWaiting,
    detail: 'Other searches in calendars are running',
    retryAfter,
  });
  return { use: (search) => callers.use(() => work.run(search)) };
};
