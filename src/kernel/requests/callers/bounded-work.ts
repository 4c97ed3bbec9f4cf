import { AppError } from '#src/kernel/catalogue/errors.ts';
import { callerOf } from '../caller.ts';
import { currentRequest } from '../request-context.ts';
import { siteOfRequest } from './site-of-request.ts';

export type BoundedWorkOptions = {
  /** Max number of tasks that run at once. */
  readonly concurrency: number;
  /** Max number of tasks that wait. */
  readonly queue: number;
  /** Tells a refused caller what the service is busy with. */
  readonly detail: string;
  /** Seconds until a refused caller may try again. */
  readonly retryAfter: number;
  /** Returns who takes turns with others. Default: the caller of the current request. */
  readonly callerNow?: () => string;
};

export type BoundedWork = {
  /**
   * @throws AppError `overloaded` when the queue has no place for this caller, the reason of the request when it ends while
   *   it waits, and what `work` throws
   */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
  /**
   * Waits for a place, for work that does not end with its request: only `signal` ends the wait.
   * @returns the function that gives the place back; further calls of it do nothing
   * @throws AppError `overloaded` as `run`, or the reason of `signal`
   */
  readonly enter: (signal: AbortSignal) => Promise<() => void>;
};

type Waiting = {
  readonly network: string;
  readonly start: () => void;
  readonly refuse: (error: AppError) => void;
};

/** Outside of a request (jobs, operator commands) all calls are of one caller and one network. */
const serviceItself = 'service';
export const currentNetwork = (): string => siteOfRequest() ?? serviceItself;

const currentCaller = (): string => {
  const request = currentRequest();
  return request === undefined ? serviceItself : callerOf(request);
};

/**
 * Runs a bounded number of calls at once. Callers take turns, so that one caller with many calls delays each other one by one
 * call. In a full queue a caller who waits for nothing takes the last place of the caller who waits for most. If each waits for one call only, the
 * network with most callers makes room for one with fewer, because a network can have many accounts.
 */
export const createBoundedWork = (options: BoundedWorkOptions): BoundedWork => {
  const { concurrency, queue, detail, retryAfter, callerNow = currentCaller } = options;
  const overloaded = (): AppError => new AppError('overloaded', detail, { retryAfter });
  /** In the order of their turns. */
  const callers = new Map<string, Waiting[]>();
  let waitingCount = 0;
  let running = 0;

  const removeIfEmpty = (caller: string): void => {
    if (callers.get(caller)?.length === 0) callers.delete(caller);
  };

  const refuseLast = (caller: string): true => {
    callers.get(caller)!.pop()!.refuse(overloaded());
    waitingCount -= 1;
    removeIfEmpty(caller);
    return true;
  };

  /** The caller of the network with most callers whose turn comes last. Undefined: it has not more than the newcomer's would have. */
  const lastOfLargestNetwork = (network: string): string | undefined => {
    const sizes = new Map<string, number>();
    for (const [{ network: own }] of callers.values() as Iterable<[Waiting]>) sizes.set(own, (sizes.get(own) ?? 0) + 1);
    let [largest, most]: [string, number] = [network, (sizes.get(network) ?? 0) + 1];
    for (const [name, size] of sizes) if (size > most) [largest, most] = [name, size];
    if (largest === network) return undefined;
    return [...callers].findLast(([, [call]]) => call?.network === largest)?.[0];
  };

  /** @returns whether a place became free for a newcomer of this network */
  const displace = (network: string): boolean => {
    let [longest, most]: [string, number] = ['', 1];
    for (const [caller, own] of callers) if (own.length > most) [longest, most] = [caller, own.length];
    const caller = most > 1 ? longest : lastOfLargestNetwork(network);
    return caller !== undefined && refuseLast(caller);
  };

  const acquire = async (signal: AbortSignal | undefined): Promise<void> => {
    if (running < concurrency) {
      running += 1;
      return;
    }
    // Before the queue is changed, because a request that has ended must not displace another one.
    signal?.throwIfAborted();
    const caller = callerNow();
    const own = callers.get(caller) ?? [];
    const network = currentNetwork();
    if (waitingCount >= queue && !(own.length === 0 && displace(network))) throw overloaded();
    const place = Promise.withResolvers<void>();
    const call: Waiting = { network, start: place.resolve, refuse: place.reject };
    own.push(call);
    callers.set(caller, own);
    waitingCount += 1;
    const leave = (): void => {
      const at = own.indexOf(call);
      // It was started or refused in this turn already.
      if (at < 0) return;
      own.splice(at, 1);
      waitingCount -= 1;
      removeIfEmpty(caller);
      place.reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      await place.promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
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
      await acquire(currentRequest()?.signal);
      try {
        return await work();
      } finally {
        release();
      }
    },
    enter: async (signal) => {
      await acquire(signal);
      let held = true;
      return () => {
        if (held) release();
        held = false;
      };
    },
  };
};
