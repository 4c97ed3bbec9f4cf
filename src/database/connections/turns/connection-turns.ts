import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { callerOf } from '#src/kernel/requests/caller.ts';
import { countedSite } from '#src/kernel/requests/counted-address.ts';
import { currentRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import type { PoolOptions } from '../pool-options.ts';
import { createCallerTurns } from './caller-turns.ts';
import { createNetworkTurns, type NetworkTurns } from './network-turns.ts';

export type ConnectionTurnsDeps = Pick<PoolOptions, 'poolMax' | 'maxPerCaller' | 'acquireTimeoutMs'> & {
  readonly abuse?: AbuseReport;
};

export type ConnectionUse = 'statement' | 'transaction';

/** Of ten connections, two are not for transactions of requests, see docs/decisions/0335. */
const othersPerReserved = 5;
/** @returns max connections that transactions of requests hold at a time */
export const maxTransactionsOf = (poolMax: number): number => poolMax - Math.floor(poolMax / othersPerReserved);

/** @returns max connections that requests with places hold at a time. There are more places than that, and each request can hold a connection for a second */
const maxPlacedOf = (poolMax: number): number => Math.ceil(poolMax / 2);
/** They are few, and what they had to wait for is lost if they are refused. So they wait longer for their turn. */
const placedTimeouts = 5;

export type ConnectionTurns = {
  /**
   * Waits until the pool has a free connection for this request.
   * @param request undefined: work of the service itself, which no share limits. Requests with a place have half of the connections, whatever their
   *   caller and network hold, see `RequestContext`
   * @param use a request holds a connection for one statement, or for all those of a transaction
   * @returns ends the turn; must be called once
   * @throws AppError `database_pool_exhausted` if a share was in the way, otherwise the error of a connect timeout
   */
  readonly enter: (request: RequestContext | undefined, timeoutMs: number, use: ConnectionUse) => Promise<() => void>;
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
  const turnsOf = (max: number): NetworkTurns => {
    const maxPerNetwork = Math.min(max, Math.max(maxPerCaller, max - Math.floor(max / 4)));
    return createNetworkTurns({ poolMax: max, maxPerNetwork, onTimeout });
  };
  const connections = turnsOf(poolMax);
  const transactions = turnsOf(maxTransactionsOf(poolMax));
  const placed = turnsOf(maxPlacedOf(poolMax));
  /** Further connections of a request with a turn need none, because such requests would wait for each other. */
  const withTurn = new WeakSet<RequestContext>();
  const memberOf = (request: RequestContext) => ({
    network: countedSite(request.clientIp),
    caller: callerOf(request),
    signal: request.signal,
  });

  const enterPlaced = async (request: RequestContext, timeoutMs: number): Promise<() => void> => {
    if (withTurn.has(request)) return connections.enter(undefined, timeoutMs);
    const endTurn = await placed.enter(memberOf(request), placedTimeouts * timeoutMs);
    withTurn.add(request);
    const end = (): void => {
      withTurn.delete(request);
      endTurn();
    };
    try {
      const leave = await connections.enter(undefined, timeoutMs);
      return () => {
        leave();
        end();
      };
    } catch (error) {
      end();
      throw error;
    }
  };

  return {
    enter: async (request, timeoutMs, use) => {
      if (request === undefined) return connections.enter(undefined, timeoutMs);
      if (request.placesHeld) return enterPlaced(request, timeoutMs);
      const started = performance.now();
      const member = memberOf(request);
      const leaves = [await callers.enter(member.caller, request.signal)];
      const leave = (): void => {
        for (const each of leaves.splice(0).toReversed()) each();
      };
      try {
        for (const turns of use === 'transaction' ? [transactions, connections] : [connections]) {
          leaves.push(await turns.enter(member, Math.max(1, timeoutMs - (performance.now() - started))));
        }
        return leave;
      } catch (error) {
        leave();
        throw error;
      }
    },
    waiting: () => placed.waiting() + transactions.waiting() + connections.waiting(),
  };
};
