import { Redis } from 'ioredis';
import type { Clock } from '#src/kernel/clock.ts';
import type { HealthCheck, HealthReading } from '#src/kernel/health.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { LabelsOf, Metrics } from '#src/kernel/metrics.ts';

export type RedisDeps = {
  readonly url: string;
  readonly commandTimeoutMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

export type RedisConnection = {
  /**
   * Connects by itself, again and again. While it is not ready each command rejects at once; a command that is not
   * answered within `commandTimeoutMs` rejects and takes the connection down with it, so that the next ones do not wait.
   * Commands are never sent twice.
   */
  readonly client: Redis;
  /** A connection of its own for subscriptions, with the same settings; the caller disconnects it. */
  readonly subscriber: () => Redis;
  readonly healthCheck: HealthCheck;
  readonly close: () => Promise<void>;
};

const connectTimeoutMs = 2_000;
const backOffMs = { first: 50, most: 2_000 };
/** How long one refused write marks the server as degraded. */
const refusedWriteMs = 5_000;

const backOff = (attempt: number): number =>
  Math.ceil((0.5 + Math.random() / 2) * Math.min(backOffMs.most, backOffMs.first * 2 ** Math.min(attempt - 1, 10)));

const optionsOf = (commandTimeoutMs: number) => ({
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: commandTimeoutMs,
  // Runs only while an answer is awaited: a server that hangs costs one wait, not one for each command.
  socketTimeout: commandTimeoutMs,
  connectTimeout: connectTimeoutMs,
  retryStrategy: backOff,
  // What was the primary is a replica now: the address may lead to the new one.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
});

type Outcome = LabelsOf<'volwatch_dependency_request_duration_seconds'>['outcome'];

const outcomeOf = (error: Error, ready: boolean): Outcome => {
  if (error.message === 'Command timed out') return 'timeout';
  return ready || error.name === 'ReplyError' ? 'error' : 'rejected';
};

/** Out of memory, failed persistence, a replica: the server answers, but keeps nothing. */
const refusesWrites = (error: Error): boolean => /^(OOM|MISCONF|READONLY|NOREPLICAS)\b/.test(error.message);

/** Each command timed by outcome, whoever sends it. */
class MeasuredRedis extends Redis {
  declare measure: ((outcome: Outcome, milliseconds: number, error?: Error) => void) | undefined;

  override sendCommand(...sent: Parameters<Redis['sendCommand']>): unknown {
    const { measure } = this;
    if (!measure) return super.sendCommand(...sent);
    const begun = performance.now();
    const ready = this.status === 'ready';
    sent[0].promise.then(
      () => measure('ok', performance.now() - begun),
      (error: Error) => measure(outcomeOf(error, ready), performance.now() - begun, error),
    );
    return super.sendCommand(...sent);
  }
}

/** Says when the connection is lost and when it is back: once each, however many attempts lie between. */
const reportTransitions = (client: Redis, { logger, metrics, clock }: RedisDeps, isClosing: () => boolean): void => {
  let lostAt: number | undefined;
  let reason: string | undefined;
  metrics.set('volwatch_dependency_up', { dependency: 'redis' }, 0);
  client.on('error', (error: Error & { readonly code?: string }) => {
    reason = error.code ?? (error.name === 'ReplyError' ? error.message.split(' ')[0] : error.name);
  });
  client.on('ready', () => {
    metrics.set('volwatch_dependency_up', { dependency: 'redis' }, 1);
    const away = lostAt === undefined ? {} : { away_ms: Math.round(clock.monotonic() - lostAt) };
    logger.info(away, 'redis is connected');
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

/** Never waits for Redis and never fails because of it: everything is set up when this returns. */
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
    if (client.status !== 'ready') return { status: 'down', detail: 'not connected: in process' };
    try {
      await client.ping();
    } catch {
      return { status: 'down', detail: 'no answer in time: in process' };
    }
    if (clock.monotonic() - refusedAt < refusedWriteMs) return { status: 'degraded', detail: 'refuses writes' };
    return { status: 'up' };
  };

  return {
    client,
    subscriber: () => {
      const subscriber = new Redis(deps.url, options);
      subscriber.on('error', () => {});
      return subscriber;
    },
    healthCheck: { dependency: 'redis', required: false, check: read },
    close: async () => {
      closing = true;
      // Bounded by the command timeout; the answer to QUIT does not matter.
      if (client.status === 'ready') await client.quit().catch(() => {});
      client.disconnect();
    },
  };
};

/** What health says when no REDIS_URL is given. */
export const withoutRedis: HealthCheck = {
  dependency: 'redis',
  required: false,
  check: async () => ({ status: 'disabled', detail: 'in process' }),
};
