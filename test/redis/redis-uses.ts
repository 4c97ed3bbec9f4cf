import { randomUUID } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import { createRateLimits } from '#src/rate-limit/rate-limits.ts';
import { createRedis } from '#src/redis/client.ts';
import type { RedisAddress } from '#src/redis/connection/redis-address.ts';
import { createCredits } from '#src/redis/credits.ts';
import { createFeed } from '#src/redis/feed.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { policiesWith } from '#testkit/rate-limits.ts';
import { makeCache, recordLogger } from '#testkit/redis.ts';

const quota = { points: 1_000_000, windowSeconds: 60 };
export const decisions = 'volwatch_rate_limit_decisions_total';
export const failures = 'volwatch_redis_failures_total';
export const useUp = 'volwatch_redis_use_up';

/** All that the service does with Redis, on one connection as the service has it. */
export const startUses = (t: Pick<ExecutionContext, 'teardown'>, address: RedisAddress) => {
  const metrics = recordMetrics();
  const { logger, lines } = recordLogger();
  // The timeout is longer than that of the service, because tests share a busy machine.
  const redis = createRedis({ address, commandTimeoutMs: 1_000, logger, metrics, clock: systemClock });
  t.teardown(redis.close);
  const limits = createRateLimits({
    clientLimits: new Map(),
    abuse: noAbuseReport,
    policies: policiesWith(quota, {
      credentials: { points: 1, windowSeconds: 60 },
      account_new: { points: 100, windowSeconds: 86_400 },
      account_place: { points: 1, windowSeconds: 60 },
    }),
    redis,
    hashKey: Buffer.from('key'),
    metrics,
    clock: systemClock,
  });
  const cache = makeCache(t, { redis, metrics });
  const received: string[] = [];
  const feed = createFeed(redis, { use: 'revocations', channel: 'volwatch:revoked-tokens', probeMessage: '[]' });
  feed.subscribe((message) => void received.push(message));
  t.teardown(feed.close);
  const credits = createCredits({ name: 'provider', max: 1_000, period: 'minute', redis, clock: systemClock });

  const health = (): Promise<HealthReading> => redis.healthCheck.check(AbortSignal.timeout(3_000));
  const limit = (clientIp: string = randomUUID()): Promise<unknown> =>
    limits.limit(
      { requestId: 'r', traceId: 't', clientIp, signal: new AbortController().signal, timings: {} },
      'caller',
      undefined,
    );
  return {
    redis,
    metrics,
    lines,
    limits,
    cache,
    feed,
    received,
    credits,
    health,
    limit,
    isUp: () => eventually(async () => (await health()).status === 'up', 'redis is up', 30_000),
    /** Sends every kind of command that the service sends. No call fails, whatever Redis refuses. */
    exercise: async (): Promise<void> => {
      await limit();
      await limit();
      const attempt = { account: randomUUID(), clientIp: '198.51.100.7', knownPlace: false };
      for (let count = 0; count < 3; count += 1) await limits.loginThrottle.attempt(attempt);
      await limits.loginThrottle.succeeded(attempt);
      const key = { cache: 'prices', tag: randomUUID(), key: 'first' } as const;
      await cache.read(key, async () => 1);
      await cache.read(key, async () => 1);
      await cache.invalidate(key.tag);
      await cache.read(key, async () => 2);
      feed.publish(JSON.stringify([randomUUID()]));
      await credits.take(1);
    },
  };
};

export type Uses = ReturnType<typeof startUses>;
