import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { SharedRedis } from '#src/kernel/ports/redis.ts';
import { createBlockedSubjects } from './blocked-subjects.ts';
import type { ClientLimits, PolicyName, Quota } from './policies.ts';

type Backend = 'redis' | 'memory';

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
  /** Returns one point. The count does not fall below 0, because the window of the point may have ended. */
  readonly refund: (policy: PolicyName, key: string) => Promise<void>;
  /** Removes the counter. @returns whether this call removed it; of several at the same time exactly one does */
  readonly reset: (policy: PolicyName, key: string) => Promise<boolean>;
};

export type CountersDeps = {
  readonly policies: Readonly<Record<PolicyName, Quota>>;
  readonly clientLimits?: ClientLimits;
  readonly redis: SharedRedis | undefined;
  readonly clock: Pick<Clock, 'monotonic'>;
};

const prefix = 'volwatch:rate-limit';
const probeSeconds = 60;

type Pair = {
  readonly quota: Quota;
  readonly memory: RateLimiterMemory;
  readonly redis: RateLimiterRedis | undefined;
};

const createPair = (name: PolicyName, quota: Quota, redis: SharedRedis | undefined): Pair => {
  const { points, windowSeconds } = quota;
  const options = { keyPrefix: `${prefix}:${name}`, points, duration: windowSeconds };
  return {
    quota,
    memory: new RateLimiterMemory(options),
    redis: redis && new RateLimiterRedis({ ...options, storeClient: redis.client }),
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

/** Two commands, so another process may see -1 between them. Their sum is right whatever it does meanwhile. */
const refundIn = async (limiter: RateLimiterMemory | RateLimiterRedis, key: string): Promise<void> => {
  const { consumedPoints } = await limiter.reward(key);
  if (consumedPoints < 0) await limiter.penalty(key);
};

/**
 * Sends every command of the limiter. The script is sent twice, because a connection sends its text once (EVAL) and then
 * its hash (EVALSHA).
 */
const createProbe = ({ client }: SharedRedis): ((tag: string) => Promise<void>) => {
  const limiter = new RateLimiterRedis({
    storeClient: client,
    keyPrefix: prefix,
    points: Number.MAX_SAFE_INTEGER,
    duration: probeSeconds,
  });
  return async (tag) => {
    const key = `probe:{${tag}}`;
    await limiter.consume(key);
    await limiter.consume(key);
    await client.get(limiter.getKey(key));
    await limiter.delete(key);
  };
};

/**
 * Counts in fixed windows. One atomic script in Redis counts, so all processes together allow exactly the quota. After
 * the first command that fails or times out, this process counts in its own memory. No request uses Redis again until a
 * probe with the same commands has succeeded.
 */
export const createCounters = ({ policies, clientLimits, redis, clock }: CountersDeps): Counters => {
  const blocked = createBlockedSubjects(clock);
  const names = Object.keys(policies) as PolicyName[];
  const pairs = Object.fromEntries(names.map((name) => [name, createPair(name, policies[name], redis)])) as Record<
    PolicyName,
    Pair
  >;
  const ofClients = new Map(
    [...(clientLimits ?? [])].map(([id, points]) => [id, createPair('client', { ...policies.client, points }, redis)]),
  );
  const pairOf = (policy: PolicyName, key: string): Pair =>
    (policy === 'client' ? ofClients.get(key) : undefined) ?? pairs[policy];
  const gate = redis?.use('limits', createProbe(redis));

  /** Runs `command` in Redis. @returns undefined if the process must count by itself */
  const inRedis = async <T>(
    policy: PolicyName,
    key: string,
    command: (limiter: RateLimiterRedis, connection: SharedRedis) => Promise<T>,
  ): Promise<{ readonly result: T } | undefined> => {
    const limiter = pairOf(policy, key).redis;
    if (!redis || !limiter || !gate?.works()) return undefined;
    try {
      return { result: await gate.run(limiter.getKey(key), () => command(limiter, redis)) };
    } catch {
      return undefined;
    }
  };

  return {
    consume: async (policy, key, windowSeconds = policies[policy].windowSeconds) => {
      const { quota, memory } = pairOf(policy, key);
      const subject = `${policy} ${key}`;
      const blockedMs = gate?.works() ? blocked.remainingMs(subject) : 0;
      if (blockedMs > 0) return refusedFor(blockedMs, quota.points);
      const shared = await inRedis(policy, key, (limiter) => consumeFrom(limiter, key, 'redis', windowSeconds));
      if (shared === undefined) return consumeFrom(memory, key, 'memory', windowSeconds);
      const { result } = shared;
      if (result.remaining === 0 && mayBlock(policy)) blocked.block(subject, result.resetMs);
      return result;
    },
    consumed: async (policy, key) => {
      // One GET, where the library would send a transaction of four commands.
      const shared = await inRedis(policy, key, (limiter, { client }) => client.get(limiter.getKey(key)));
      return shared ? Number(shared.result) : ((await pairOf(policy, key).memory.get(key))?.consumedPoints ?? 0);
    },
    refund: async (policy, key) => {
      const shared = await inRedis(policy, key, (limiter) => refundIn(limiter, key));
      if (!shared) await refundIn(pairOf(policy, key).memory, key);
    },
    reset: async (policy, key) => {
      const fromMemory = await pairOf(policy, key).memory.delete(key);
      const shared = await inRedis(policy, key, (limiter) => limiter.delete(key));
      return shared?.result ?? fromMemory;
    },
  };
};
