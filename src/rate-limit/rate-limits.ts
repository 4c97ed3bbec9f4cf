import type { Redis } from 'ioredis';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import type { RateLimitRule } from '#src/kernel/requests/route.ts';
import { createCounters, type Backend, type Count } from './counters.ts';
import { createLoginThrottle, placeWindowSeconds } from './login-throttle.ts';
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
   * Takes one point of the principal. An API key takes one of its owner too. Without a principal the point is of the
   * address: of its sign-ins where the rule is `login`.
   * @returns `RateLimit` and `RateLimit-Policy`
   * @throws AppError `rate_limit_exceeded` with the same headers and Retry-After
   */
  readonly limit: (
    context: RequestContext,
    rule: RateLimitRule,
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

const announce = ({ policies }: RateLimitsDeps): Readonly<Record<keyof Policies, string>> => {
  const names = Object.keys(policies) as (keyof Policies)[];
  const values = names.map((name) => {
    const { points, windowSeconds } = policies[name];
    return [name, `"${name}";q=${points};w=${windowSeconds}`] as const;
  });
  return Object.fromEntries(values) as Record<keyof Policies, string>;
};

/** Limits by subject and policy, over all routes together. */
export const createRateLimits = (deps: RateLimitsDeps): RateLimits => {
  const { redis, hashKey, metrics, clock } = deps;
  const { policies } = deps;
  const { account, account_place: place } = policies;
  const counters = createCounters({
    ...deps,
    policies: {
      ...policies,
      account_place: { points: place.points, windowSeconds: placeWindowSeconds },
      account_delay: { points: 1, windowSeconds: place.windowSeconds },
      account_level: { points: placeWindowSeconds, windowSeconds: placeWindowSeconds },
    },
  });
  const topLimited = createTopLimited({ clock, hashKey });
  const announced = announce(deps);

  const decided = (policy: PolicyName, subject: string, { allowed, backend }: Count): void => {
    const outcome = allowed ? 'allowed' : 'limited';
    metrics.count('volwatch_rate_limit_decisions_total', { ...policyLabels[policy], outcome, backend });
    if (!allowed) topLimited.record(policy, subject);
  };

  const take = async (policy: keyof Policies, subject: string): Promise<Record<string, string>> => {
    const count = await counters.consume(policy, subject);
    decided(policy, subject, count);
    const headers = headersOf(policy, announced[policy], count);
    if (count.allowed) return headers;
    const detail = `Over the "${policy}" limit; it starts anew in ${count.resetSeconds} s`;
    throw new AppError('rate_limit_exceeded', detail, { headers, retryAfter: count.resetSeconds });
  };

  /** The key's own budget and its owner's: many keys give an owner no more than his own budget. */
  const takeOfKey = async (key: string, owner: Owner | undefined): Promise<Record<string, string>> => {
    const own = await take('api_key', key);
    if (!owner) return own;
    const shared = await take(owner.kind, owner.id);
    // A list of both, as the draft's structured fields allow.
    return Object.fromEntries(Object.entries(own).map(([name, value]) => [name, `${value}, ${shared[name]}`]));
  };

  return {
    limit: async ({ clientIp }, rule, principal) => {
      if (rule === 'none') return {};
      if (!principal) return take(rule === 'login' ? 'login' : 'ip', countedAddress(clientIp));
      const { kind, subject, owner } = principal;
      return kind === 'api_key' ? takeOfKey(subject, owner) : take(kind, subject);
    },
    loginThrottle: createLoginThrottle({ counters, hashKey, place, elsewhere: account, decided }),
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
