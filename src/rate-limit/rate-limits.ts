import { createHmac } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '#src/kernel/clock.ts';
import { AppError } from '#src/kernel/errors.ts';
import type { HealthCheck } from '#src/kernel/health.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import type { Principal } from '#src/kernel/principal.ts';
import type { LoginThrottle } from '#src/kernel/rate-limiter.ts';
import type { RequestContext } from '#src/kernel/request-context.ts';
import type { RateLimitPolicy } from '#src/kernel/route.ts';
import { countedAddress } from '#src/kernel/counted-address.ts';
import { createCounters, type Backend, type Count } from './counters.ts';
import { policyLabels, type Policies, type PolicyName } from './policies.ts';
import { createTopLimited, type LimitedSubject } from './top-limited.ts';

export type RateLimitsDeps = {
  readonly policies: Policies;
  readonly redis: Redis | undefined;
  /** Keys the hashes that stand for accounts and subjects; the same on every instance. */
  readonly hashKey: Uint8Array;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

export type RateLimits = {
  /**
   * Takes one point of `policy` from the caller's address, or from `principal` where the policy is its kind.
   * @returns `RateLimit` and `RateLimit-Policy`
   * @throws AppError `rate_limit_exceeded` with the same headers and Retry-After
   */
  readonly limit: (
    context: RequestContext,
    policy: RateLimitPolicy,
    principal: Principal | undefined,
  ) => Promise<Readonly<Record<string, string>>>;
  readonly loginThrottle: LoginThrottle;
  /** The ten most refused subjects, by this process's own experience. */
  readonly top: () => readonly LimitedSubject[];
  /** Brings `volwatch_rate_limit_top_limited` up to date. */
  readonly collect: () => void;
  /** Redis as this room sees it: degraded while it answers, but limits are counted in this process. */
  readonly withBackend: (redisCheck: HealthCheck) => HealthCheck;
  readonly close: () => void;
};

/** The fields of draft-ietf-httpapi-ratelimit-headers-10, section 3 and 4: quota, window, remaining, seconds until reset. */
const headersOf = (name: string, fixed: string, { remaining, resetSeconds }: Count): Record<string, string> => ({
  RateLimit: `"${name}";r=${remaining};t=${resetSeconds}`,
  'RateLimit-Policy': fixed,
});

const announce = ({ policies }: RateLimitsDeps): Readonly<Record<PolicyName, string>> => {
  const names = Object.keys(policies) as PolicyName[];
  const values = names.map((name) => {
    const { points, windowSeconds } = policies[name];
    return [name, `"${name}";q=${points};w=${windowSeconds}`] as const;
  });
  return Object.fromEntries(values) as Record<PolicyName, string>;
};

/** Limits by subject and policy, over all routes together. */
export const createRateLimits = (deps: RateLimitsDeps): RateLimits => {
  const { redis, hashKey, metrics, clock } = deps;
  const counters = createCounters(deps);
  const topLimited = createTopLimited({ clock, hashKey });
  const announced = announce(deps);

  const take = async (policy: PolicyName, subject: string): Promise<Record<string, string>> => {
    const count = await counters.consume(policy, subject);
    metrics.count('volwatch_rate_limit_decisions_total', {
      ...policyLabels[policy],
      outcome: count.allowed ? 'allowed' : 'limited',
      backend: count.backend,
    });
    const headers = headersOf(policy, announced[policy], count);
    if (count.allowed) return headers;
    topLimited.record(policy, subject);
    const detail = `Over the "${policy}" limit; it starts anew in ${count.resetSeconds} s`;
    throw new AppError('rate_limit_exceeded', detail, { headers, retryAfter: count.resetSeconds });
  };

  const hashOfAccount = (account: string): string =>
    createHmac('sha256', hashKey).update(account.trim().toLowerCase()).digest('base64url');

  return {
    limit: async ({ clientIp }, policy, principal) => {
      if (policy === 'none') return {};
      if (policy === 'ip' || policy === 'login') return take(policy, countedAddress(clientIp));
      return principal ? take(policy, principal.subject) : take('ip', countedAddress(clientIp));
    },
    loginThrottle: {
      attempt: async (account) => {
        await take('account', hashOfAccount(account));
      },
      succeeded: async (account) => counters.forget('account', hashOfAccount(account)),
    },
    top: topLimited.read,
    collect: () => {
      metrics.replace(
        'volwatch_rate_limit_top_limited',
        topLimited.read().map(({ rank, subject_hash, limited }) => ({
          labels: { rank: String(rank), subject_hash },
          value: limited,
        })),
      );
    },
    withBackend: (redisCheck) => ({
      ...redisCheck,
      check: async (signal) => {
        const reading = await redisCheck.check(signal);
        const backend: Backend = counters.backend();
        return redis && backend === 'memory' && reading.status === 'up'
          ? { status: 'degraded', detail: 'rate limits in process' }
          : reading;
      },
    }),
    close: counters.close,
  };
};
