import { createBoundedWork, type BoundedWorkOptions } from '#src/kernel/requests/callers/bounded-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export type LongSyncPlaces = {
  /**
   * Reads the next page of a sync that has read `pages` pages. After the first ones it waits for a place.
   * @throws AppError `overloaded` if too many syncs wait, the reason of `signal`, and what `read` throws
   */
  readonly use: <Page>(pages: number, signal: AbortSignal, read: () => Promise<Page>) => Promise<Page>;
};

/** 4,000 events. */
const freePages = 8;

/**
 * Limits the pages of long syncs that are read at the same time, for syncs of requests. Each page takes about 30 ms of the event loop, and all calls to Google
 * share four places. So the first sync of a usual calendar would wait for the pages of many large ones at each of its own. Networks take turns. Syncs of jobs
 * have two places to Google of their own. See docs/decisions/0331.
 */
export const createLongSyncPlaces = ({ metrics }: Pick<BoundedWorkOptions, 'metrics'>): LongSyncPlaces => {
  const places = createBoundedWork({
    work: 'long_sync',
    metrics,
    concurrency: 2,
    queue: 256,
    detail: 'Too many large calendars are being synced',
    retryAfter: 10,
  });
  return {
    use: async (pages, signal, read) => {
      if (pages < freePages || currentRequest() === undefined) return read();
      const leave = await places.enter(signal);
      try {
        return await read();
      } finally {
        leave();
      }
    },
  };
};
