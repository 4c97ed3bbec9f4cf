import type { AbuseKind, AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createCallerPlaces } from '#src/kernel/requests/callers/caller-places.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export type RunPlacesDeps = {
  readonly abuse: AbuseReport;
  /** Max runs of this process at once. One caller has at most half of them, because a run can last for an hour. */
  readonly max: number;
  /** Details of the refusals. */
  readonly full: string;
  readonly fullForCaller: string;
  /** Seconds. */
  readonly retryAfter: number;
  /** The kind under which a refusal is counted if all places are taken. Default: it is not counted as abuse. */
  readonly fullKind?: AbuseKind;
};

export type RunPlaces = {
  /**
   * Runs work in a place. The place is free when `work` has ended, and after `holdUntil` when the promise has settled too.
   * @throws AppError `overloaded`, `concurrency_limit_exceeded`
   */
  readonly use: <T>(work: (holdUntil: (ended: Promise<unknown>) => void) => Promise<T>) => Promise<T>;
};

/**
 * Limits the runs of this process that go on after their answer of 202. A place that ended with the answer would limit
 * only how many begin at once.
 */
export const createRunPlaces = (deps: RunPlacesDeps): RunPlaces => {
  const { abuse, max, full, fullForCaller: detail, retryAfter, fullKind } = deps;
  const callers = createCallerPlaces({ abuse, maxPerCaller: Math.ceil(max / 2), detail, retryAfter });
  let taken = 0;
  const take = (): (() => void) => {
    const leaveCaller = callers.take();
    if (taken >= max) {
      leaveCaller();
      if (fullKind) abuse.refused(fullKind, currentRequest()?.clientIp);
      throw new AppError('overloaded', full, { retryAfter });
    }
    taken += 1;
    return () => {
      taken -= 1;
      leaveCaller();
    };
  };
  return {
    use: async (work) => {
      const free = take();
      let ended: Promise<unknown> | undefined;
      try {
        return await work((until) => void (ended = until));
      } finally {
        if (ended === undefined) free();
        else void ended.then(free, free);
      }
    },
  };
};
