import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { createBlockedSubjects } from './blocked-subjects.ts';
import type { PolicyName, Quota } from './policies.ts';

export type Backend = 'redis' | 'memory';

export type Count = {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Points taken in this window, including this one. */
  readonly consumed: number;
  /** Never longer than the window, also after the clock of this process or of Redis was set back. */
  readonly resetSeconds: number;
  readonly backend: Backend;
};

export type Counters = {
  /**
   * Takes one point. Never rejects: if Redis does not answer, the point is counted in this process.
   * @param windowSeconds length of a window that starts with this point, in place of the window of the policy
   */
  readonly consume: (policy: PolicyName, key: string, windowSeconds?: number) => Promise<Count>;
  /** Returns the points taken in the current window, and takes none. */
  readonly consumed: (policy: PolicyName, key: string) => Promise<number>;
  /** Returns one point. */
  readonly refund: (policy: PolicyName, key: string) => Promise<void>;
  /** Resets the counter. */
  readonly reset: (policy: PolicyName, key: string) => Promise<void>;
  /** The backend that counts the next request. */
  readonly backend: () => Backend;
  readonly close: () => void;
};

export type CountersDeps = {
  readonly policies: Readonly<Record<PolicyName, Quota>>;
  /** Commands must have a timeout, and must fail immediately while Redis is not connected. */
  readonly redis: Redis | undefined;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'monotonic'>;
};

const prefix = 'volwatch:rate-limit';
const probeIntervalMs = 500;

type Pair = { readonly memory: RateLimiterMemory; readonly redis: RateLimiterRedis | undefined };

const createPair = (name: PolicyName, { points, windowSeconds }: Quota, redis: Redis | undefined): Pair => {
  const options = { keyPrefix: `${prefix}:${name}`, points, duration: windowSeconds };
  return {
    memory: new RateLimiterMemory(options),
    redis: redis && new RateLimiterRedis({ ...options, storeClient: redis }),
  };
};

const secondsOf = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1_000));

const refusedFor = (milliseconds: number, points: number): Count => ({
  allowed: false,
  remaining: 0,
  consumed: points + 1,
  resetSeconds: secondsOf(milliseconds),
  backend: 'redis',
});

/** A subject without remaining points is blocked in this process. Not accounts, because another process can return their points. */
const mayBlock = (policy: PolicyName): boolean => !policy.startsWith('account');

const consumeFrom = async (
  limiter: RateLimiterMemory | RateLimiterRedis,
  key: string,
  backend: Backend,
  windowSeconds: number,
): Promise<Count & { readonly resetMs: number }> => {
  const countOf = (result: RateLimiterRes, allowed: boolean) => {
    // The limiters compute the time with a wall clock, which can be set back.
    const resetMs = Math.min(windowSeconds * 1_000, result.msBeforeNext);
    const resetSeconds = secondsOf(resetMs);
    return {
      allowed,
      remaining: result.remainingPoints,
      consumed: result.consumedPoints,
      resetSeconds,
      resetMs,
      backend,
    };
  };
  try {
    return countOf(await limiter.consume(key, 1, { customDuration: windowSeconds }), true);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return countOf(refusal, false);
    throw refusal;
  }
};

/**
 * Counts in fixed windows. One atomic script in Redis counts, so all processes together allow exactly the quota. After
 * the first command that fails or times out, this process counts in its own memory. No request waits for Redis again
 * until a probe has written to it.
 */
export const createCounters = ({ policies, redis, logger, clock }: CountersDeps): Counters => {
  const blocked = createBlockedSubjects(clock);
  const names = Object.keys(policies) as PolicyName[];
  const pairs = Object.fromEntries(names.map((name) => [name, createPair(name, policies[name], redis)])) as Record<
    PolicyName,
    Pair
  >;
  let redisFailed = false;
  let timer: NodeJS.Timeout | undefined;

  const probe = async (client: Redis): Promise<void> => {
    try {
      await client.set(`${prefix}:probe`, '1', 'EX', 60);
      redisFailed = false;
      logger.info({}, 'rate limits are counted in redis again');
    } catch {
      scheduleProbe(client);
    }
  };
  const scheduleProbe = (client: Redis): void => {
    timer = setTimeout(() => void probe(client), probeIntervalMs).unref();
  };
  const fallBack = (client: Redis, error: unknown): void => {
    if (redisFailed) return;
    redisFailed = true;
    logger.warn({ reason: error instanceof Error ? error.name : 'unknown' }, 'rate limits are counted in this process');
    scheduleProbe(client);
  };
  const isHealthy = (client: Redis): boolean => !redisFailed && client.status === 'ready';

  return {
    consume: async (policy, key, windowSeconds = policies[policy].windowSeconds) => {
      const { memory, redis: shared } = pairs[policy];
      if (redis && shared && isHealthy(redis)) {
        const subject = `${policy} ${key}`;
        const blockedMs = blocked.remainingMs(subject);
        if (blockedMs > 0) return refusedFor(blockedMs, policies[policy].points);
        try {
          const count = await consumeFrom(shared, key, 'redis', windowSeconds);
          if (count.remaining === 0 && mayBlock(policy)) blocked.block(subject, count.resetMs);
          return count;
        } catch (error) {
          fallBack(redis, error);
        }
      }
      return consumeFrom(memory, key, 'memory', windowSeconds);
    },
    consumed: async (policy, key) => {
      const { memory, redis: shared } = pairs[policy];
      if (redis && shared && isHealthy(redis)) {
        try {
          return (await shared.get(key))?.consumedPoints ?? 0;
        } catch (error) {
          fallBack(redis, error);
        }
      }
      return (await memory.get(key))?.consumedPoints ?? 0;
    },
    refund: async (policy, key) => {
      const { memory, redis: shared } = pairs[policy];
      if (!redis || !shared || !isHealthy(redis)) await memory.reward(key);
      else await shared.reward(key).catch((error: unknown) => fallBack(redis, error));
    },
    reset: async (policy, key) => {
      const { memory, redis: shared } = pairs[policy];
      await memory.delete(key);
      if (!redis || !shared || !isHealthy(redis)) return;
      await shared.delete(key).catch((error: unknown) => fallBack(redis, error));
    },
    backend: () => (redis && isHealthy(redis) ? 'redis' : 'memory'),
    close: () => clearTimeout(timer),
  };
};
