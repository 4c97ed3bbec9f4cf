import { createHmac, randomBytes } from 'node:crypto';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type {
  CredentialLookup,
  CredentialLookups,
  LookedUpCredential,
} from '#src/kernel/credentials/credential-lookups.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import type { Count } from '../counters.ts';
import type { Quota } from '../policies.ts';
import { createFailureBudget } from './failure-budget.ts';
import { createRecentDigests } from './recent-digests.ts';

export type CredentialLookupsDeps = {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly abuse: AbuseReport;
  /** Refused credentials of one address in a window. */
  readonly quota: Quota;
  /** Counts the decision and records refused subjects. */
  readonly decided: (subject: string, count: Count) => void;
};

/** A credential that was accepted within this time is looked up also when its address must wait. */
const acceptedMs = 3_600_000;
/** A credential that was refused is refused again without a look-up for this time. */
const refusedMs = 60_000;
const maxDigests = 10_000;

/**
 * Refused credentials of these kinds stay refused: they are random, and the ends of a key and a session are final. The
 * reuse of a refresh token must be found each time, and operators can create a client at any time.
 */
const staysRefused: ReadonlySet<LookedUpCredential> = new Set<LookedUpCredential>(['api_key', 'session']);

const isRefusal = (error: unknown): boolean =>
  error instanceof AppError && error.definition.category === 'authentication';

/** See `CredentialLookups`. The counts are of this process: they protect its connections and its processor time. */
export const createCredentialLookups = (deps: CredentialLookupsDeps): CredentialLookups => {
  const { clock, abuse, quota, decided } = deps;
  const accepted = createRecentDigests(clock, { maxEntries: maxDigests, lifetimeMs: acceptedMs });
  const refused = createRecentDigests(clock, { maxEntries: maxDigests, lifetimeMs: refusedMs });
  const budget = createFailureBudget(clock, quota);
  // No secret is kept in memory, and digests of guessed secrets cannot be compared with a copy of the memory.
  const memoryKey = randomBytes(32);
  const digestOf = ({ kind, secret }: CredentialLookup): string =>
    createHmac('sha256', memoryKey).update(`${kind} ${secret}`).digest('base64');

  const refuse = (address: string, clientIp: string, waitMs: number): never => {
    const resetSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
    abuse.refused('credentials_refused', clientIp);
    decided(address, { allowed: false, remaining: 0, consumed: quota.points + 1, resetSeconds, backend: 'memory' });
    const detail = `Too many credentials of this address were refused; the limit is reset in ${resetSeconds} s`;
    throw new AppError('rate_limit_exceeded', detail, {
      headers: {
        RateLimit: `"credentials";r=0;t=${resetSeconds}`,
        'RateLimit-Policy': `"credentials";q=${quota.points};w=${quota.windowSeconds}`,
      },
      retryAfter: resetSeconds,
    });
  };

  /** Runs `find` and remembers the result. @param settle told whether the credential was refused */
  const observe = async <T>(
    { kind, digest }: { readonly kind: LookedUpCredential; readonly digest: string },
    find: () => Promise<T | undefined>,
    settle: (wasRefused: boolean) => void,
  ): Promise<T | undefined> => {
    let wasRefused = false;
    try {
      const found = await find();
      wasRefused = found === undefined;
      if (found !== undefined) accepted.add(digest);
      return found;
    } catch (error) {
      wasRefused = isRefusal(error);
      throw error;
    } finally {
      if (wasRefused) accepted.delete(digest);
      if (wasRefused && staysRefused.has(kind)) refused.add(digest);
      settle(wasRefused);
    }
  };

  return {
    run: async (lookup, find) => {
      const clientIp = currentRequest()?.clientIp;
      if (clientIp === undefined) return find();
      const digest = digestOf(lookup);
      const credential = { kind: lookup.kind, digest };
      if (refused.has(digest)) return undefined;
      if (lookup.isOurs || accepted.has(digest)) return observe(credential, find, () => {});
      const address = countedAddress(clientIp);
      const waitMs = budget.reserve(address);
      if (waitMs > 0) refuse(address, clientIp, waitMs);
      return observe(credential, find, (wasRefused) => budget.settle(address, wasRefused));
    },
  };
};
