import type { IncomingHttpHeaders } from 'node:http';
import type { Metrics } from '#src/kernel/metrics.ts';
import type { Principal } from '#src/kernel/principal.ts';
import type { AuthPolicy } from '#src/kernel/route.ts';
import { countFailure } from './measured.ts';
import { credentialsMissing, scopeInsufficient } from './token-refusal.ts';
import type { TokenVerifier } from './token-verifier.ts';

/**
 * Who sent this request, where `policy` wants to know; undefined on a public route, whose credentials are not looked at.
 * @throws AppError `credentials_missing`, a `token_*` code, `scope_insufficient`, or what the verifier's dependencies throw
 */
export type Authenticate = (
  request: { readonly headers: Pick<IncomingHttpHeaders, 'authorization'> },
  policy: AuthPolicy,
) => Promise<Principal | undefined>;

export type AuthenticatorDeps = { readonly verifier: TokenVerifier; readonly metrics: Metrics };

export const createAuthenticator =
  ({ verifier, metrics }: AuthenticatorDeps): Authenticate =>
  async ({ headers }, policy) => {
    if (policy === 'public') return undefined;
    const token = bearerToken(headers.authorization);
    if (token === undefined) {
      const missing = credentialsMissing();
      countFailure(metrics, missing);
      throw missing;
    }
    const principal = await verifier.verify(token);
    if (policy !== 'authenticated' && !principal.scopes.includes(policy.scope)) throw scopeInsufficient(policy.scope);
    return principal;
  };

/**
 * Whatever stands after the scheme goes to the verifier, an empty or broken token included: the caller meant to show
 * one. Another scheme shows none.
 */
const bearerToken = (authorization: string | undefined): string | undefined =>
  /^bearer(?= |$) *(.*)$/is.exec(authorization?.trim() ?? '')?.[1];
