import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { PolicyName, Quota } from './policies.ts';

export type Backend = 'redis' | 'memory';

export type Count = {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Points taken in this window, this one included. */
  readonly consumed: number;
  readonly resetSeconds: number;
  readonly backend: Backend;
};

export type Counters = {
  /**
   * Takes one point. Never rejects: without Redis it counts in this process.
   * @param windowSeconds of a window that begins with this point, in place of the policy's own
   */
  readonly consume: (policy: PolicyName, key: string, windowSeconds?: number) => Promise<Count>;
  /** Points taken in the current window; takes none. */
  readonly consumed: (policy: PolicyName, key: string) => Promise<number>;
  /** Gives one point back. */
  readonly refund: (policy: PolicyName, key: string) => Promise<void>;
  readonly forget: (policy: PolicyName, key: string) => Promise<void>;
  /** Where the next request will be counted. */
  readonly backend: () => Backend;
  readonly close: () => void;
};

export type CountersDeps = {
  readonly policies: Readonly<Record<PolicyName, Quota>>;
  /** Its commands must be bounded in time and fail at once while it is not connected. */
  readonly redis: Redis | undefined;
  readonly logger: Logger;
};

const prefix = 'volwatch:rate-limit';
const probeEveryMs = 500;

type Pair = { readonly memory: RateLimiterMemory; readonly redis: RateLimiterRedis | undefined };

const createPair = (name: PolicyName, { points, windowSeconds }: Quota, redis: Redis | undefined): Pair => {
  const options = { keyPrefix: `${prefix}:${name}`, points, duration: windowSeconds };
  return {
    memory: new RateLimiterMemory(options),
    redis:
      redis &&
      new RateLimiterRedis({
        ...options,
        storeClient: redis,
        // Who is over the limit is refused without asking again, except accounts: their points can be given back elsewhere.
        ...(!name.startsWith('account') && { inMemoryBlockOnConsumed: points }),
      }),
  };
};

const countOf = (result: RateLimiterRes, allowed: boolean, backend: Backend): Count => ({
  allowed,
  remaining: result.remainingPoints,
  consumed: result.consumedPoints,
  resetSeconds: Math.max(1, Math.ceil(result.msBeforeNext / 1000)),
  backend,
});

const consumeFrom = async (
  limiter: RateLimiterMemory | RateLimiterRedis,
  key: string,
  backend: Backend,
  windowSeconds: number | undefined,
): Promise<Count> => {
  try {
    const options = windowSeconds === undefined ? {} : { customDuration: windowSeconds };
    return countOf(await limiter.consume(key, 1, options), true, backend);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return countOf(refusal, false, backend);
    throw refusal;
  }
};

/**
 * Fixed windows, counted in Redis by one atomic script, so that all processes together allow exactly the quota. The
 * first command that fails or is too late takes everything into this process, where no request waits for Redis again
 * until a write of our own has gone through.
 */
export const createCounters = ({ policies, redis, logger }: CountersDeps): Counters => {
  const names = Object.keys(policies) as PolicyName[];
  const pairs = Object.fromEntries(names.map((name) => [name, createPair(name, policies[name], redis)])) as Record<
    PolicyName,
    Pair
  >;
  let sick = false;
  let timer: NodeJS.Timeout | undefined;

  const probe = async (client: Redis): Promise<void> => {
    try {
      await client.set(`${prefix}:probe`, '1', 'EX', 60);
      sick = false;
      logger.info({}, 'rate limits are counted in redis again');
    } catch {
      watch(client);
    }
  };
  const watch = (client: Redis): void => {
    timer = setTimeout(() => void probe(client), probeEveryMs).unref();
  };
  const fallBack = (client: Redis, error: unknown): void => {
    if (sick) return;
    sick = true;
    logger.warn({ reason: error instanceof Error ? error.name : 'unknown' }, 'rate limits are counted in this process');
    watch(client);
  };
  const isHealthy = (client: Redis): boolean => !sick && client.status === 'ready';

  return {
    consume: async (policy, key, windowSeconds) => {
      const { memory, redis: shared } = pairs[policy];
      if (redis && shared && isHealthy(redis)) {
        try {
          return await consumeFrom(shared, key, 'redis', windowSeconds);
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
    forget: async (policy, key) => {
      const { memory, redis: shared } = pairs[policy];
      await memory.delete(key);
      if (!redis || !shared || !isHealthy(redis)) return;
      await shared.delete(key).catch((error: unknown) => fallBack(redis, error));
    },
    backend: () => (redis && isHealthy(redis) ? 'redis' : 'memory'),
    close: () => clearTimeout(timer),
  };
};
