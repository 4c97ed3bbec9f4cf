import type { IncomingHttpHeaders } from 'node:http';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';
import { ownerOf, type Owners } from '#src/kernel/ports/owners.ts';
import { managesAccount, type AuthPolicy } from '#src/kernel/requests/route.ts';
import type { ApiKeys } from './api-keys/api-key.ts';
import { sessionTokenFrom } from './sessions/cookies.ts';
import { countFailure, type Measure } from './measured.ts';
import type { OwnerRule } from './owners/owner-rule.ts';
import type { Sessions } from './sessions/session.ts';
import type { ResolveLegacyUser } from './users/legacy-users.ts';
import { credentialsMissing, scopeInsufficient } from './tokens/token-refusal.ts';
import type { TokenVerifier } from './tokens/token-verifier.ts';

/**
 * Authenticates the caller of a request. Undefined on a public route, where credentials are ignored, and on an optional
 * route for a request without valid session and without other credentials. One credential is used: the bearer token,
 * else the API key, else the session cookie.
 * @throws AppError `credentials_missing`, a `token_*` code, `api_key_invalid`, `credential_owner_gone`, `token_user_unknown`,
 * `scope_insufficient`, or an error of a dependency
 */
export type Authenticate = (
  request: {
    readonly headers: Pick<IncomingHttpHeaders, 'authorization' | 'cookie'> & {
      readonly 'x-api-key'?: string | string[] | undefined;
    };
  },
  policy: AuthPolicy,
) => Promise<Principal | undefined>;

export type AuthenticatorDeps = {
  readonly verifier: TokenVerifier;
  readonly apiKeys: Pick<ApiKeys, 'authenticate'>;
  readonly sessions: Pick<Sessions, 'authenticate'>;
  readonly resolveLegacyUser: ResolveLegacyUser;
  readonly ownerRule: OwnerRule;
  readonly owners: Pick<Owners, 'standing'>;
  readonly metrics: Metrics;
  readonly measure: Measure;
};

export const createAuthenticator = (deps: AuthenticatorDeps): Authenticate => {
  const { verifier, apiKeys, sessions, ownerRule, owners, resolveLegacyUser, metrics, measure } = deps;

  const counted = (error: AppError): AppError => {
    countFailure(metrics, error);
    return error;
  };

  const identify = async (
    headers: Parameters<Authenticate>[0]['headers'],
    policy: AuthPolicy,
  ): Promise<Principal | undefined> => {
    const token = bearerToken(headers.authorization);
    if (token !== undefined) return verifier.verify(token);
    const key = headers['x-api-key'];
    if (key !== undefined) return measure('api_key', () => apiKeys.authenticate(String(key)));
    const session = sessionTokenFrom(headers);
    const principal = session && (await measure('session', () => sessions.authenticate(session)));
    if (!principal && policy !== 'optional') throw counted(credentialsMissing());
    return principal || undefined;
  };

  const applyOwnerRule = (principal: Principal): Promise<Principal> =>
    measure('check_owner', async () => ownerRule(await resolveLegacyUser(principal)));

  const assertScope = (principal: Principal, scope: Scope): Promise<void> =>
    measure('check_scope', async () => {
      if (principal.scopes.includes(scope)) return;
      throw scopeInsufficient([scope], `The token lacks the scope ${scope}`);
    });

  /**
   * The token of a client passes, because a client asks for the scopes of each task, and its keys have no more scopes than the token. An API key
   * passes too: what it must not manage its handlers refuse, also for one with all scopes.
   */
  const assertNotNarrowed = (principal: Principal): Promise<void> =>
    measure('check_scope', async () => {
      if (!principal.isNarrowed) return;
      const owner = ownerOf(principal);
      const standing = owner && (await owners.standing(owner));
      const held = standing?.state === 'present' ? standing.scopes : [];
      const missing = held.filter((scope) => !principal.scopes.includes(scope));
      const remedy = 'ask for a token without the parameter scope, or sign in again';
      throw scopeInsufficient(missing, `The token was made with fewer scopes than its user holds: ${remedy}`);
    });

  return async ({ headers }, policy) => {
    if (policy === 'public') return undefined;
    const identified = await identify(headers, policy);
    const principal = identified && (await applyOwnerRule(identified));
    if (typeof policy === 'object' && principal) await assertScope(principal, policy.scope);
    if (managesAccount(policy) && principal) await assertNotNarrowed(principal);
    return principal;
  };
};

/**
 * The text after the scheme `Bearer`. It may be empty or malformed; the verifier refuses it then. Undefined for another
 * scheme.
 */
const bearerToken = (authorization: string | undefined): string | undefined => {
  const match = /^bearer(?: (.*))?$/is.exec(authorization?.trim() ?? '');
  return match ? (match[1] ?? '').trimStart() : undefined;
};
