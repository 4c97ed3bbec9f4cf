import type { AbuseReport } from '../../catalogue/abuse.ts';
import { AppError } from '../../catalogue/errors.ts';
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
   * Runs work that the caller of the current request may have in progress only a few times.
   * @throws AppError `concurrency_limit_exceeded`
   */
  readonly use: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Limits the work of each caller in this process, so that one caller cannot hold the places of all. */
export const createCallerPlaces = (deps: CallerPlacesDeps): CallerPlaces => {
  const { abuse, maxPerCaller, detail, retryAfter } = deps;
  const byCaller = new Map<string, number>();
  const addTo = (caller: string, change: 1 | -1): void => {
    const count = (byCaller.get(caller) ?? 0) + change;
    if (count > 0) byCaller.set(caller, count);
    else byCaller.delete(caller);
  };
  return {
    use: async (work) => {
      const request = currentRequest();
      // Work outside of a request comes from the service itself.
      if (request === undefined) return work();
      const caller = callerOf(request);
      if ((byCaller.get(caller) ?? 0) >= maxPerCaller) {
        abuse.refused('concurrency_by_caller', request.clientIp);
        throw new AppError('concurrency_limit_exceeded', detail, { retryAfter });
      }
      addTo(caller, 1);
      try {
        return await work();
      } finally {
        addTo(caller, -1);
      }
    },
  };
};
