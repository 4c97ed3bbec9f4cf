import type { BoundedWorkName } from '#src/kernel/catalogue/bounded-works.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createCounts } from '#src/kernel/counts.ts';
import { callerOf } from '../caller.ts';
import { currentRequest } from '../request-context.ts';
import { createRecentUse } from './recent-use.ts';
import { siteOfRequest } from './site-of-request.ts';

export type BoundedWorkOptions = {
  readonly work: BoundedWorkName;
  readonly metrics: Pick<Metrics, 'count' | 'observe'>;
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
  /**
   * Places of a network on average that count as none, for work of many short turns: else networks that come for the first time all go before one that
   * comes all the time with little. Default: 0.
   */
  readonly freeUse?: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
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

/** Places that two networks had on average: a smaller difference is no reason to prefer one. */
const minDifference = 0.001;

/**
 * Runs a bounded number of calls at once. The next call is of the network that had the fewest places recently, and its callers take
 * turns. So neither a network with many accounts nor a caller with many calls delays others by more than one call.
 *
 * In a full queue the network with most calls makes room for a network with fewer. Among networks with equally many it is the one that had most places
 * recently. See docs/decisions/0321.
 */
export const createBoundedWork = (options: BoundedWorkOptions): BoundedWork => {
  const { work: name, metrics, concurrency, queue, detail, retryAfter } = options;
  const { callerNow = currentCaller, freeUse = 0, now = () => performance.now() } = options;
  metrics.count('volwatch_places_refused_total', { work: name }, 0);
  const overloaded = (): AppError => {
    metrics.count('volwatch_places_refused_total', { work: name });
    return new AppError('overloaded', detail, { retryAfter });
  };
  const started = (waitedMs: number): void =>
    metrics.observe('volwatch_places_wait_duration_seconds', { work: name }, waitedMs / 1_000);
  /** In the order of their turns. */
  const callers = new Map<string, Waiting[]>();
  /** The places that each network has now. */
  const places = createCounts();
  const recentPlaces = createRecentUse({ now });
  let waitingCount = 0;
  let running = 0;

  const hold = (network: string, change: 1 | -1): void => {
    places.change(network, change);
    recentPlaces.hold(network, places.of(network));
  };

  const removeIfEmpty = (caller: string): void => {
    if (callers.get(caller)?.length === 0) callers.delete(caller);
  };

  /** A caller can come from several networks. */
  const callsFrom = (network: string, own: readonly Waiting[]): number =>
    own.reduce((count, call) => count + Number(call.network === network), 0);

  /** The caller who waits for most calls of this network; among equal ones the one whose turn comes last. */
  const maxWaitingOf = (network: string): readonly [caller: string, calls: number] => {
    let max: readonly [string, number] = ['', 0];
    for (const [caller, own] of callers) {
      const calls = callsFrom(network, own);
      if (calls >= max[1]) max = [caller, calls];
    }
    return max;
  };

  /** @param newcomer the number of calls of this network with which the newcomer would wait. @returns whether a place became free for the newcomer */
  const displace = (network: string, newcomer: number): boolean => {
    const calls = new Map<string, number>([[network, 1]]);
    for (const own of callers.values()) {
      for (const call of own) calls.set(call.network, (calls.get(call.network) ?? 0) + 1);
    }
    const loadOf = (name: string): number => calls.get(name)! + recentPlaces.of(name);
    let [maxNetwork, maxLoad] = [network, loadOf(network) + minDifference];
    for (const name of calls.keys()) {
      const other = loadOf(name);
      if (other > maxLoad) [maxNetwork, maxLoad] = [name, other];
    }
    const [caller, maxCalls] = maxWaitingOf(maxNetwork);
    if (maxCalls === 0 || (maxNetwork === network && maxCalls <= newcomer)) return false;
    const own = callers.get(caller)!;
    const last = own.findLastIndex((call) => call.network === maxNetwork);
    own.splice(last, 1)[0]!.refuse(overloaded());
    waitingCount -= 1;
    removeIfEmpty(caller);
    return true;
  };

  const acquire = async (network: string, signal: AbortSignal | undefined): Promise<void> => {
    if (running < concurrency) {
      running += 1;
      hold(network, 1);
      started(0);
      return;
    }
    // Before the queue is changed, because a request that has ended must not displace another one.
    signal?.throwIfAborted();
    const caller = callerNow();
    if (waitingCount >= queue && !displace(network, callsFrom(network, callers.get(caller) ?? []) + 1))
      throw overloaded();
    const since = performance.now();
    const own = callers.get(caller) ?? [];
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
      started(performance.now() - since);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  };

  /** The caller whose turn it is, among those of the network that had the fewest places recently. */
  const nextCaller = (): string | undefined => {
    let next: string | undefined;
    let minRecent = Infinity;
    for (const [caller, [call]] of callers as Iterable<[string, [Waiting]]>) {
      const recent = Math.max(freeUse, recentPlaces.of(call.network));
      if (recent < minRecent - minDifference) [next, minRecent] = [caller, recent];
    }
    return next;
  };

  const release = (network: string): void => {
    hold(network, -1);
    const caller = nextCaller();
    if (caller === undefined) {
      running -= 1;
      return;
    }
    const own = callers.get(caller)!;
    const call = own.shift()!;
    waitingCount -= 1;
    // The caller goes behind the others. `running` stays, because the place is handed on.
    callers.delete(caller);
    if (own.length > 0) callers.set(caller, own);
    hold(call.network, 1);
    call.start();
  };

  return {
    run: async (work) => {
      const network = currentNetwork();
      await acquire(network, currentRequest()?.signal);
      try {
        return await work();
      } finally {
        release(network);
      }
    },
    enter: async (signal) => {
      const network = currentNetwork();
      await acquire(network, signal);
      let held = true;
      return () => {
        if (held) release(network);
        held = false;
      };
    },
  };
};
