import { Redis } from 'ioredis';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthCheck, HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';

export type RedisDeps = {
  readonly url: string;
  readonly commandTimeoutMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

export type RedisConnection = {
  /**
   * Connects automatically and reconnects after a failure. While it is not ready, commands reject immediately. A
   * command without an answer within `commandTimeoutMs` rejects, and the connection is closed so that the next commands
   * do not wait too. Commands are never sent twice.
   */
  readonly client: Redis;
  /** Creates a separate connection for subscriptions, with the same settings. The caller must disconnect it. */
  readonly subscriber: () => Redis;
  readonly healthCheck: HealthCheck;
  readonly close: () => Promise<void>;
};

const connectTimeoutMs = 2_000;
const backOffMs = { first: 50, max: 2_000 };
/** The health status is `degraded` for this time after a refused write. */
const refusedWriteMs = 5_000;

const backOff = (attempt: number): number =>
  Math.ceil((0.5 + Math.random() / 2) * Math.min(backOffMs.max, backOffMs.first * 2 ** Math.min(attempt - 1, 10)));

const optionsOf = (commandTimeoutMs: number) => ({
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: commandTimeoutMs,
  // This timer runs only while an answer is awaited. If the server hangs, only the first command waits.
  socketTimeout: commandTimeoutMs,
  connectTimeout: connectTimeoutMs,
  retryStrategy: backOff,
  // The subscriber subscribes itself on `ready`. ioredis would do it too, without handling the rejection.
  autoResubscribe: false,
  // After a failover the server is a replica. A new connection may lead to the new primary.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
});

type Outcome = LabelsOf<'volwatch_dependency_request_duration_seconds'>['outcome'];

const outcomeOf = (error: Error, ready: boolean): Outcome => {
  if (error.message === 'Command timed out') return 'timeout';
  return ready || error.name === 'ReplyError' ? 'error' : 'rejected';
};

/** The server answers but refuses writes: out of memory, failed persistence, or it is a replica. */
const refusesWrites = (error: Error): boolean => /^(OOM|MISCONF|READONLY|NOREPLICAS)\b/.test(error.message);

/**
 * Handles the rejection of every command. ioredis itself sends commands whose result nobody awaits, for example `SELECT`
 * after a reconnect; an unhandled rejection would end the process.
 */
class HandledRedis extends Redis {
  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    sent[0].promise.catch(() => {});
    return super.sendCommand(...sent);
  }
}

/** Measures the duration and the outcome of every command. */
class MeasuredRedis extends HandledRedis {
  declare measure: ((outcome: Outcome, milliseconds: number, error?: Error) => void) | undefined;

  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    const { measure } = this;
    if (!measure) return super.sendCommand(...sent);
    const startedAt = performance.now();
    const ready = this.status === 'ready';
    sent[0].promise.then(
      () => measure('ok', performance.now() - startedAt),
      (error: Error) => measure(outcomeOf(error, ready), performance.now() - startedAt, error),
    );
    return super.sendCommand(...sent);
  }
}

/** Logs once when the connection is lost and once when it is restored, not for every attempt in between. */
const reportTransitions = (client: Redis, { logger, metrics, clock }: RedisDeps, isClosing: () => boolean): void => {
  let lostAt: number | undefined;
  let reason: string | undefined;
  metrics.set('volwatch_dependency_up', { dependency: 'redis' }, 0);
  client.on('error', (error: Error & { readonly code?: string }) => {
    reason = error.code ?? (error.name === 'ReplyError' ? error.message.split(' ')[0] : error.name);
  });
  client.on('ready', () => {
    metrics.set('volwatch_dependency_up', { dependency: 'redis' }, 1);
    const outage = lostAt === undefined ? {} : { away_ms: Math.round(clock.monotonic() - lostAt) };
    logger.info(outage, 'redis is connected');
    lostAt = undefined;
    reason = undefined;
  });
  client.on('close', () => {
    metrics.set('volwatch_dependency_up', { dependency: 'redis' }, 0);
    if (lostAt !== undefined || isClosing()) return;
    lostAt = clock.monotonic();
    logger.warn({ reason: reason ?? 'closed' }, 'redis is lost: limits and caches fall back to the process');
  });
};

/** Returns immediately: it does not wait for a connection and does not fail without one. */
export const createRedis = (deps: RedisDeps): RedisConnection => {
  const { metrics, clock } = deps;
  const options = optionsOf(deps.commandTimeoutMs);
  const client = new MeasuredRedis(deps.url, { ...options, lazyConnect: true });
  let refusedAt = -Infinity;
  client.measure = (outcome, milliseconds, error) => {
    if (error && refusesWrites(error)) refusedAt = clock.monotonic();
    metrics.observe(
      'volwatch_dependency_request_duration_seconds',
      { dependency: 'redis', outcome },
      milliseconds / 1_000,
    );
  };
  let closing = false;
  reportTransitions(client, deps, () => closing);
  client.connect().catch(() => {});

  const read = async (): Promise<HealthReading> => {
    if (client.status !== 'ready')
      return { status: 'down', detail: 'not connected: limits and caches use the memory of the process' };
    try {
      await client.ping();
    } catch {
      return { status: 'down', detail: 'timeout: limits and caches use the memory of the process' };
    }
    if (clock.monotonic() - refusedAt < refusedWriteMs) return { status: 'degraded', detail: 'refuses writes' };
    return { status: 'up' };
  };

  return {
    client,
    subscriber: () => {
      const subscriber = new HandledRedis(deps.url, options);
      subscriber.on('error', () => {});
      return subscriber;
    },
    healthCheck: { dependency: 'redis', required: false, check: read },
    close: async () => {
      closing = true;
      // The wait is limited by the command timeout. The answer to QUIT is ignored.
      if (client.status === 'ready') await client.quit().catch(() => {});
      client.disconnect();
    },
  };
};

/** The health check without `REDIS_URL`. */
export const withoutRedis: HealthCheck = {
  dependency: 'redis',
  required: false,
  check: async () => ({ status: 'disabled', detail: 'limits and caches use the memory of the process' }),
};
