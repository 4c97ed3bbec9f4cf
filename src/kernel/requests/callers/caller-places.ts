import type { AbuseReport } from '../../catalogue/abuse.ts';
import { AppError } from '../../catalogue/errors.ts';
import { createCounts } from '../../counts.ts';
import { callerOf } from '../caller.ts';
import { currentRequest } from '../request-context.ts';

export type CallerPlacesDeps = {
  readonly abuse: AbuseReport;
  readonly maxPerCaller: number;
  /** Detail of the refusal. */
  readonly detail: string;
  /** Seconds. */
  readonly retryAfter: number;
};

export type CallerPlaces = {
  /**
   * Takes a place for the caller of the current request, for work that goes on after the answer.
   * @returns frees the place; must be called once
   * @throws AppError `concurrency_limit_exceeded`
   */
  readonly take: () => () => void;
  /**
   * Runs work that the caller of the current request may have in progress only a few times.
   * @throws AppError `concurrency_limit_exceeded`
   */
  readonly use: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Limits the work of each caller in this process, so that one caller cannot hold the places of all. */
export const createCallerPlaces = (deps: CallerPlacesDeps): CallerPlaces => {
  const { abuse, maxPerCaller, detail, retryAfter } = deps;
  const byCaller = createCounts();
  const take = (): (() => void) => {
    const request = currentRequest();
    // Work outside of a request comes from the service itself.
    if (request === undefined) return () => {};
    const caller = callerOf(request);
    if (byCaller.of(caller) >= maxPerCaller) {
      abuse.refused('concurrency_by_caller', request.clientIp);
      throw new AppError('concurrency_limit_exceeded', detail, { retryAfter });
    }
    byCaller.change(caller, 1);
    return () => byCaller.change(caller, -1);
  };
  return {
    take,
    use: async (work) => {
      const free = take();
      try {
        return await work();
      } finally {
        free();
      }
    },
  };
};
