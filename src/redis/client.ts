import { Cluster, type Redis } from 'ioredis';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthCheck, HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { redisModes, type RedisMode, type SharedRedis } from '#src/kernel/ports/redis.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createClient, createSubscriber } from './connection/measured-clients.ts';
import type { RedisAddress } from './connection/redis-address.ts';
import { isConnectionFailure, redisReasonOf } from './connection/redis-reason.ts';
import { reportTransitions } from './connection/transitions.ts';
import { createUses } from './uses.ts';

export type RedisDeps = {
  readonly address: RedisAddress;
  readonly commandTimeoutMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

/**
 * Its client connects automatically and reconnects after a failure. While it is not ready, commands reject immediately. A
 * command without an answer within `commandTimeoutMs` rejects, and the connection is closed so that the next commands do
 * not wait too. Commands are never carried out twice.
 */
export type RedisConnection = SharedRedis & {
  /**
   * Creates a separate connection for subscriptions, with the same settings. The caller must disconnect it. In a cluster
   * it ends for good when its node fails.
   */
  readonly subscriber: () => Redis;
  readonly healthCheck: HealthCheck;
  readonly close: () => Promise<void>;
};

/** A server that stays a replica must not cause a reconnect for each command. */
const readonlyReconnectMs = 5_000;
const inProcess = 'limits and caches use the memory of the process';

type Outcome = LabelsOf<'volwatch_dependency_request_duration_seconds'>['outcome'];

const outcomeOf = (wasReady: boolean, error: Error | undefined): Outcome => {
  if (!error) return 'ok';
  if (error.message === 'Command timed out') return 'timeout';
  return wasReady || error.name === 'ReplyError' ? 'error' : 'rejected';
};

const reportMode = (metrics: Metrics, current: RedisMode): void => {
  for (const mode of redisModes) metrics.set('volwatch_redis_mode', { mode }, mode === current ? 1 : 0);
};

/** Returns immediately: it does not wait for a connection and does not fail without one. */
export const createRedis = (deps: RedisDeps): RedisConnection => {
  const { address, commandTimeoutMs, logger, metrics, clock } = deps;
  reportMode(metrics, address.mode);
  let reconnectedAt = -Infinity;
  const settings = {
    address,
    commandTimeoutMs,
    // After a failover the server is a replica. A new connection may lead to the new primary. A cluster names the primary.
    reconnectOnError: (error: Error): boolean => {
      if (
        address.mode === 'cluster' ||
        !error.message.startsWith('READONLY') ||
        clock.monotonic() - reconnectedAt < readonlyReconnectMs
      )
        return false;
      reconnectedAt = clock.monotonic();
      transitions.expectReconnect();
      return true;
    },
  };
  const client = createClient(settings, (milliseconds, wasReady, error) => {
    const labels = { dependency: 'redis', outcome: outcomeOf(wasReady, error) } as const;
    metrics.observe('volwatch_dependency_request_duration_seconds', labels, milliseconds / 1_000);
  });
  const uses = createUses({ mode: address.mode, isConnected: () => client.status === 'ready', logger, metrics, clock });
  const transitions = reportTransitions({ client, logger, metrics, clock, onReady: uses.connected, onLost: uses.lost });
  client.connect().catch(() => {});

  /** In a cluster one node that answers is enough, because the state of the others shows in the uses. */
  const ping = (): Promise<unknown> =>
    client instanceof Cluster ? Promise.any(client.nodes('master').map((node) => node.ping())) : client.ping();

  const read = async (): Promise<HealthReading> => {
    const problems = uses.problems().map(({ use, reason }) => `${use} (${reason.toUpperCase()})`);
    const refused = `failing: ${problems.join(', ')}`;
    if (client.status !== 'ready') {
      if (transitions.reconnects()) return { status: 'degraded', detail: refused };
      return { status: 'down', detail: `not connected (${transitions.reason() ?? 'closed'}): ${inProcess}` };
    }
    try {
      await ping();
    } catch (error) {
      const reason = redisReasonOf(error instanceof AggregateError ? error.errors[0] : error);
      // A user without the right to PING may have the rights that are needed.
      if (isConnectionFailure(reason)) return { status: 'down', detail: `timeout: ${inProcess}` };
      if (reason === 'loading' || reason === 'noauth' || reason === 'busy') {
        return { status: 'down', detail: `${reason.toUpperCase()}: ${inProcess}` };
      }
    }
    return problems.length === 0 ? { status: 'up' } : { status: 'degraded', detail: refused };
  };

  return {
    client,
    use: uses.use,
    subscriber: () => {
      const subscriber = createSubscriber({ ...settings, reconnectOnError: () => false }, client);
      subscriber.on('error', () => {});
      return subscriber;
    },
    healthCheck: { dependency: 'redis', required: false, check: read },
    close: async () => {
      transitions.close();
      uses.close();
      // The wait is limited by the command timeout. The answer to QUIT is ignored.
      if (client.status === 'ready') await client.quit().catch(() => {});
      client.disconnect();
    },
  };
};

/** The health check when Redis is not configured. */
export const withoutRedis = (metrics: Metrics): HealthCheck => {
  reportMode(metrics, 'none');
  return {
    dependency: 'redis',
    required: false,
    check: async () => ({ status: 'disabled', detail: inProcess }),
  };
};
