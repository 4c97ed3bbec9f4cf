import type { ExecutionContext } from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { noFaults } from '#src/kernel/catalogue/faults.ts';
import { type LogFields, type Logger, silentLogger } from '#src/kernel/ports/logger.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createCache, type CacheDeps } from '#src/redis/cache.ts';
import { createRedis, type RedisConnection, type RedisDeps } from '#src/redis/client.ts';
import { createTcpProxy, type TcpProxy } from './servers/tcp-proxy.ts';

type Teardown = Pick<ExecutionContext, 'teardown'>;

export const redisUrl = (): string => {
  const url = process.env['TEST_REDIS_URL'];
  if (!url) throw new Error('TEST_REDIS_URL is not set: run tests with `npm test` or `node scripts/test.ts FILE`');
  return url;
};

/** The run's Redis, or the server at `url`, through a proxy that tests can break. */
export const throughRedisProxy = async (t: Teardown, url = redisUrl()): Promise<{ proxy: TcpProxy; url: string }> => {
  const address = new URL(url);
  const proxy = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  t.teardown(proxy.close);
  address.port = String(proxy.port);
  return { proxy, url: address.href };
};

export const connect = (t: Teardown, url: string, overrides: Partial<RedisDeps> = {}): RedisConnection => {
  const redis = createRedis({
    address: { mode: 'server', url },
    commandTimeoutMs: 200,
    logger: silentLogger,
    metrics: noMetrics,
    clock: systemClock,
    ...overrides,
  });
  t.teardown(redis.close);
  return redis;
};

/** A logger that keeps its lines, with the fields of each. */
export const recordLogger = (): { readonly logger: Logger; readonly lines: (LogFields & { message: string })[] } => {
  const lines: (LogFields & { message: string })[] = [];
  const log = (fields: LogFields, message: string): void => void lines.push({ ...fields, message });
  return { logger: { debug: log, info: log, warn: log, error: log }, lines };
};

/** A cache as the service has it; without `redis` in this process alone. */
export const makeCache = (t: Teardown, overrides: Partial<CacheDeps> = {}) => {
  const cache = createCache({
    redis: undefined,
    secret: Buffer.alloc(32, 7),
    ttlMs: 60_000,
    staleMs: 60_000,
    memoryBytes: 2 ** 20,
    redisBytes: 2 ** 26,
    faults: noFaults,
    logger: silentLogger,
    metrics: noMetrics,
    clock: systemClock,
    ...overrides,
  });
  t.teardown(cache.close);
  return cache;
};
