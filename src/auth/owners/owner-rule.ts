import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { commonScopes, ownerOf, type Owner, type Owners, type OwnerStanding } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { unknownUser } from '#src/kernel/requests/unknown-user.ts';
import { tokenRefused } from '../tokens/token-refusal.ts';
import { isTokenEnded, ownerGone } from './owner-refusal.ts';

export type OwnerRuleDeps = {
  readonly owners: Owners;
  readonly abuse: AbuseReport;
  /** Whether tokens of foreign users are accepted: users without an account in this service. */
  readonly foreignUsers: boolean;
  /** Records the use of an API key whose owner does not exist any more in the audit, after the answer. It does not throw: a refusal that cannot be recorded is counted. */
  readonly noteKeyWithoutOwner: (keyId: string, owner: Owner) => void;
};

/**
 * The rule for each credential: it may use a scope only if the credential has the scope and the owner holds it now. A
 * deleted or disabled owner holds no scopes, and where addresses must be verified, a user without a verified one holds none.
 *
 * If tokens of foreign users are accepted, such a token keeps the scopes that it names itself. An API key of an unknown user is
 * always refused, because a key may use only scopes that its owner holds, and no scopes are stored for an unknown user.
 *
 * Side effects of `credential_owner_gone`: the refusal is counted as abuse, and the use of an API key is recorded in the audit.
 * @returns the principal with the remaining scopes
 * @throws AppError `credential_owner_gone` if the owner is deleted, disabled or revoked, or must verify the address first, or if an API key has an unknown owner
 * @throws AppError `token_user_unknown` for a token of a foreign user, if such tokens are not accepted
 * @throws AppError `token_revoked` if an operator has ended all tokens of the owner
 * @throws AppError of category database if the owner is not cached and the database fails
 */
export type OwnerRule = (principal: Principal) => Promise<Principal>;

export const createOwnerRule = (deps: OwnerRuleDeps): OwnerRule => {
  const { owners, abuse, foreignUsers, noteKeyWithoutOwner } = deps;

  return async (principal) => {
    const owner = ownerOf(principal);
    const standing: OwnerStanding = owner ? await owners.standing(owner) : { state: 'gone' };
    const isForeignUser = standing.state === 'unknown' && principal.kind === 'user';
    if (isForeignUser && !foreignUsers) throw unknownUser();
    if (standing.state !== 'present' && !isForeignUser) {
      abuse.refused('credential_without_owner', currentRequest()?.clientIp);
      if (owner && principal.kind === 'api_key') noteKeyWithoutOwner(principal.subject, owner);
      throw ownerGone(principal.kind, standing);
    }
    if (isTokenEnded(principal, standing)) throw tokenRefused('token_revoked');
    if (standing.state === 'unknown') return principal;
    const requestedScopes = principal.scopesOfOwner ? standing.scopes : principal.scopes;
    return { ...principal, scopes: commonScopes(requestedScopes, standing.scopes) };
  };
};
