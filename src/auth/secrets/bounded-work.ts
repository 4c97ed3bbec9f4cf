import { AppError } from '#src/kernel/catalogue/errors.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export type BoundedWorkOptions = {
  /** Max number of tasks that run at once. */
  readonly concurrency: number;
  /** Max number of tasks that wait. */
  readonly queue: number;
};

export type BoundedWork = {
  /** @throws AppError `overloaded` when the queue has no place for this caller; and what `work` throws */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
};

type Waiting = { readonly start: () => void; readonly refuse: (error: AppError) => void };

const overloaded = (): AppError => new AppError('overloaded', 'Too many sign-ins are being checked', { retryAfter: 1 });

/** Outside of a request (operator commands) all calls are of one caller. */
const currentCaller = (): string => {
  const request = currentRequest();
  return request === undefined ? 'service' : callerOf(request);
};

/**
 * Runs a bounded number of calls at once. Callers (addresses, since nobody is authenticated yet) take turns, so that
 * one address with many attempts delays the others by one attempt each. In a full queue a caller who waits for nothing
 * takes the last place of the caller who waits for most.
 */
export const createBoundedWork = ({ concurrency, queue }: BoundedWorkOptions): BoundedWork => {
  /** In the order of their turns. */
  const callers = new Map<string, Waiting[]>();
  let waitingCount = 0;
  let running = 0;

  const removeIfEmpty = (caller: string): void => {
    if (callers.get(caller)?.length === 0) callers.delete(caller);
  };

  /** @returns whether a place became free */
  const displace = (): boolean => {
    let [longest, calls]: [string, Waiting[]] = ['', []];
    for (const [caller, own] of callers) if (own.length > calls.length) [longest, calls] = [caller, own];
    if (calls.length < 2) return false;
    calls.pop()!.refuse(overloaded());
    waitingCount -= 1;
    removeIfEmpty(longest);
    return true;
  };

  const acquire = async (): Promise<void> => {
    if (running < concurrency) {
      running += 1;
      return;
    }
    const caller = currentCaller();
    const own = callers.get(caller) ?? [];
    if (waitingCount >= queue && !(own.length === 0 && displace())) throw overloaded();
    await new Promise<void>((start, refuse) => {
      own.push({ start, refuse });
      callers.set(caller, own);
      waitingCount += 1;
    });
  };

  const release = (): void => {
    const next = callers.entries().next().value;
    if (next === undefined) {
      running -= 1;
      return;
    }
    const [caller, own] = next;
    const call = own.shift()!;
    waitingCount -= 1;
    // The caller goes behind the others. `running` stays, because the place is handed on.
    callers.delete(caller);
    if (own.length > 0) callers.set(caller, own);
    call.start();
  };

  return {
    run: async (work) => {
      await acquire();
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
};
