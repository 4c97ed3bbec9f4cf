import { withTimeout } from '#src/kernel/abort.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createBoundedWork, type BoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

/** A transaction takes about 20 ms, and several times that while the service is busy. */
const timeoutMs = 5_000;
const retryAfter = 1;
const detail = 'Many requests at once change the same data: try again';

/**
 * Runs the works of one name one after another. Networks take turns.
 * @throws AppError `overloaded` if too many wait, `database_conflict` after a wait of 5 s, the reason of the request when it ends, and what `work` throws
 */
export type OneAtATime = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/**
 * Keeps transactions that lock the same row from waiting for each other in the database. There each of them holds a connection, so requests for one account or
 * one address, from many networks, could hold all connections. See docs/decisions/0334.
 */
export const createOneAtATime = (metrics: Pick<Metrics, 'count' | 'observe'>): OneAtATime => {
  /** Those that run or wait. `uses`: how many. */
  const works = new Map<string, { readonly bounded: BoundedWork; uses: number }>();

  const worksOf = (name: string) => {
    const known = works.get(name);
    if (known !== undefined) return known;
    const options = { work: 'same_lock', metrics, concurrency: 1, queue: 64, detail, retryAfter } as const;
    const made = { bounded: createBoundedWork(options), uses: 0 };
    works.set(name, made);
    return made;
  };

  const late = (): AppError => new AppError('database_conflict', detail, { retryAfter });

  return async (name, work) => {
    const ofName = worksOf(name);
    ofName.uses += 1;
    try {
      const outer = currentRequest()?.signal;
      const leave = await withTimeout({ timeoutMs, reason: late, outer }, (signal) => ofName.bounded.enter(signal));
      try {
        return await work();
      } finally {
        leave();
      }
    } finally {
      ofName.uses -= 1;
      if (ofName.uses === 0) works.delete(name);
    }
  };
};
