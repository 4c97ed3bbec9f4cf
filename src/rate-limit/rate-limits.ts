import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { ownerName, type Owner } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { SharedRedis } from '#src/kernel/ports/redis.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import type { RateLimitRule } from '#src/kernel/requests/route.ts';
import { createCredentialLookups } from './credentials/credential-lookups.ts';
import { createCounters, type Count } from './counters.ts';
import { createLoginThrottle, placeWindowSeconds } from './login-throttle.ts';
import { policyLabels, type ClientLimits, type Policies, type PolicyName, type Quota } from './policies.ts';
import { createTopLimited, type LimitedSubject } from './top-limited.ts';

export type RateLimitsDeps = {
  readonly policies: Policies;
  readonly clientLimits: ClientLimits;
  /** If undefined, each process counts in its own memory. */
  readonly redis: SharedRedis | undefined;
  /** Key of the hashes of accounts and subjects. It must be the same on all instances. */
  readonly hashKey: Uint8Array;
  readonly metrics: Metrics;
  readonly abuse: AbuseReport;
  readonly clock: Clock;
};

export type RateLimits = {
  /**
   * Takes one point of the principal; for an API key it takes a point of its owner too. Without a principal the point
   * is of the address: of its sign-ins if the rule is `login`. With a principal and the rule `login` it takes both, and
   * with the rule `calendar` also one of the calendar of the owner and one of the calendars of the address. With the rules `login` and
   * `recovery` a signed-in caller without points takes one of the policy `recovery`.
   * @returns the headers `RateLimit` and `RateLimit-Policy`
   * @throws AppError `rate_limit_exceeded` with the same headers and Retry-After
   */
  readonly limit: (
    context: RequestContext,
    rule: RateLimitRule,
    principal: Principal | undefined,
  ) => Promise<Readonly<Record<string, string>>>;
  readonly loginThrottle: LoginThrottle;
  readonly credentialLookups: CredentialLookups;
  /** Returns the ten subjects with the most refusals in this process. */
  readonly top: () => readonly LimitedSubject[];
  /** Updates `volwatch_rate_limit_top_limited`. */
  readonly collect: () => void;
};

/**
 * Fields of draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4: quota, window, remaining, seconds until reset.
 */
const headersOf = (name: string, policyHeader: string, { remaining, resetSeconds }: Count): Record<string, string> => ({
  RateLimit: `"${name}";r=${remaining};t=${resetSeconds}`,
  'RateLimit-Policy': policyHeader,
});

/** Both values as a list; the structured fields of the draft allow it. */
const joined = (one: Record<string, string>, other: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(one).map(([name, value]) => [name, `${value}, ${other[name]}`]));

const policyHeader = (policy: keyof Policies, { points, windowSeconds }: Quota): string =>
  `"${policy}";q=${points};w=${windowSeconds}`;

/** The value of `RateLimit-Policy` for a subject. The values are built once, because each request needs one. */
const policyHeaders = ({ policies, clientLimits }: RateLimitsDeps) => {
  const names = Object.keys(policies) as (keyof Policies)[];
  const byPolicy = new Map(names.map((name) => [name, policyHeader(name, policies[name])]));
  const byClient = new Map(
    [...clientLimits].map(([id, points]) => [id, policyHeader('client', { ...policies.client, points })]),
  );
  return (policy: keyof Policies, subject: string): string =>
    (policy === 'client' ? byClient.get(subject) : undefined) ?? byPolicy.get(policy)!;
};

/** Limits the requests of each subject by policy. All routes with the same policy count together. */
export const createRateLimits = (deps: RateLimitsDeps): RateLimits => {
  const { hashKey, metrics, clock, abuse } = deps;
  const { policies } = deps;
  const { account, account_place: place } = policies;
  const counters = createCounters({
    ...deps,
    policies: {
      ...policies,
      account_place: { points: place.points, windowSeconds: placeWindowSeconds },
      account_delay: { points: 1, windowSeconds: place.windowSeconds },
      account_level: { points: placeWindowSeconds, windowSeconds: placeWindowSeconds },
      account_paid: { points: placeWindowSeconds, windowSeconds: placeWindowSeconds },
    },
  });
  const topLimited = createTopLimited({ clock, hashKey });
  const headerOf = policyHeaders(deps);

  const decided = (policy: PolicyName, subject: string, { allowed, backend }: Count): void => {
    const outcome = allowed ? 'allowed' : 'limited';
    metrics.count('volwatch_rate_limit_decisions_total', { ...policyLabels[policy], outcome, backend });
    if (!allowed) topLimited.record(policy, subject);
  };

  const consume = async (policy: keyof Policies, subject: string): Promise<Record<string, string>> => {
    const count = await counters.consume(policy, subject);
    decided(policy, subject, count);
    const headers = headersOf(policy, headerOf(policy, subject), count);
    if (count.allowed) return headers;
    const detail = `Over the "${policy}" limit; it is reset in ${count.resetSeconds} s`;
    throw new AppError('rate_limit_exceeded', detail, { headers, retryAfter: count.resetSeconds });
  };

  /** Counts for the key and for its owner, because many keys must not give an owner a larger limit. */
  const consumeForKey = async (key: string, owner: Owner | undefined): Promise<Record<string, string>> => {
    const own = await consume('api_key', key);
    return owner ? joined(own, await consume(owner.kind, owner.id)) : own;
  };

  const consumeForCaller = ({ kind, subject, owner }: Principal): Promise<Record<string, string>> =>
    kind === 'api_key' ? consumeForKey(subject, owner) : consume(kind, subject);

  /**
   * Above the limits of their owners, the signed-in callers at an address have a small limit together. Somebody with a stolen credential
   * uses up the limit of the owner, and must not keep the owner from ending this credential. With a limit for each owner, 50 accounts at 50
   * addresses would have 50,000 requests a minute. API keys end nothing this way.
   */
  const consumeOrRecover = (principal: Principal, address: string): Promise<Record<string, string>> =>
    consumeForCaller(principal).catch((error: unknown) => {
      if (principal.kind === 'api_key' || codeOf(error) !== 'rate_limit_exceeded') throw error;
      return consume('recovery', address);
    });

  return {
    limit: async ({ clientIp }, rule, principal) => {
      if (rule === 'none') return {};
      const address = countedAddress(clientIp);
      if (!principal) return consume(rule === 'login' ? 'login' : 'ip', address);
      const mayRecover = rule === 'login' || rule === 'recovery';
      const ofCaller = await (mayRecover ? consumeOrRecover(principal, address) : consumeForCaller(principal));
      if (rule === 'login') return joined(ofCaller, await consume('login', address));
      if (rule === 'calendar') {
        const ofCalendar = await consume('calendar', ownerName(principal));
        return joined(joined(ofCaller, ofCalendar), await consume('calendar_ip', address));
      }
      return ofCaller;
    },
    loginThrottle: createLoginThrottle({
      counters,
      hashKey,
      place,
      elsewhere: account,
      newAccounts: policies.account_new.points,
      decided,
    }),
    credentialLookups: createCredentialLookups({
      clock,
      abuse,
      quota: policies.credentials,
      decided: (address, count) => decided('credentials', address, count),
    }),
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
  };
};
