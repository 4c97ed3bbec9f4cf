import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import { countedSite } from '#src/kernel/requests/counted-address.ts';
import { currentRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import type { PoolOptions } from '../pool-options.ts';
import { createCallerTurns } from './caller-turns.ts';
import { createNetworkTurns } from './network-turns.ts';

export type ConnectionTurnsDeps = Pick<PoolOptions, 'poolMax' | 'maxPerCaller' | 'acquireTimeoutMs'> & {
  readonly abuse?: AbuseReport;
};

export type ConnectionTurns = {
  /**
   * Waits until the pool has a free connection for this request.
   * @param request undefined: work of the service itself, which no share limits. The same holds for a request with a place, see `RequestContext`
   * @returns ends the turn; must be called once
   * @throws AppError `database_pool_exhausted` if a share was in the way, otherwise the error of a connect timeout
   */
  readonly enter: (request: RequestContext | undefined, timeoutMs: number) => Promise<() => void>;
  /** @returns how many wait for a connection, without those that wait for the share of their caller */
  readonly waiting: () => number;
};

/**
 * Shares the connections of a pool among callers and networks. No request waits in the queue of the pool, because that is first come
 * first served: a network with many requests would delay all others.
 */
export const createConnectionTurns = ({
  poolMax,
  maxPerCaller = Math.max(1, Math.floor(poolMax / 2)),
  acquireTimeoutMs,
  abuse,
}: ConnectionTurnsDeps): ConnectionTurns => {
  const onTimeout = (): void => abuse?.refused('concurrency_by_caller', currentRequest()?.clientIp);
  const callers = createCallerTurns({ maxPerCaller, timeoutMs: acquireTimeoutMs, onTimeout });
  // A quarter is for other networks. A caller can have more where the limits of callers are lifted.
  const maxPerNetwork = Math.max(maxPerCaller, poolMax - Math.floor(poolMax / 4));
  const networks = createNetworkTurns({ poolMax, maxPerNetwork, onTimeout });
  return {
    enter: async (request, timeoutMs) => {
      if (request === undefined || request.holdsPlace) return networks.enter(undefined, timeoutMs);
      const started = performance.now();
      const caller = callerOf(request);
      const leaveCaller = await callers.enter(caller, request.signal);
      try {
        const left = timeoutMs - (performance.now() - started);
        const member = { network: countedSite(request.clientIp), caller, signal: request.signal };
        const leaveNetwork = await networks.enter(member, left);
        return () => {
          leaveNetwork();
          leaveCaller();
        };
      } catch (error) {
        leaveCaller();
        throw error;
      }
    },
    waiting: networks.waiting,
  };
};
