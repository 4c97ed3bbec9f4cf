import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { commonScopes, ownerOf, type Owners, type OwnerStanding } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { unknownUser } from '#src/kernel/requests/unknown-user.ts';
import { tokenRefused } from '../tokens/token-refusal.ts';
import { isTokenEnded, ownerGone } from './owner-refusal.ts';

export type OwnerRuleDeps = {
  readonly owners: Owners;
  readonly abuse: AbuseReport;
  /** Whether tokens of users without an account here are accepted. */
  readonly foreignUsers: boolean;
  /** Records the use of an API key whose owner does not exist any more. */
  readonly noteKeyWithoutOwner: (keyId: string) => Promise<void>;
};

/**
 * The rule for each credential: it may use a scope only if the credential has the scope and the owner holds it now. A
 * deleted or disabled owner holds no scopes.
 * @returns the principal with the remaining scopes
 * @throws AppError `credential_owner_gone`; `token_user_unknown` for a user without an account here; `token_revoked` when an operator has ended all tokens of the owner
 */
export type OwnerRule = (principal: Principal) => Promise<Principal>;

export const createOwnerRule = (deps: OwnerRuleDeps): OwnerRule => {
  const { owners, abuse, foreignUsers, noteKeyWithoutOwner } = deps;

  /** A token of a foreign user names the scopes itself. An API key has no such right, because its owner must be stored. */
  const isForeign = ({ kind }: Principal, { state }: OwnerStanding): boolean =>
    foreignUsers && kind === 'user' && state === 'unknown';

  return async (principal) => {
    const owner = ownerOf(principal);
    const standing: OwnerStanding = owner ? await owners.standing(owner) : { state: 'gone' };
    const isForeignUser = isForeign(principal, standing);
    if (standing.state === 'unknown' && !isForeignUser && principal.kind === 'user') throw unknownUser();
    if (standing.state === 'gone' || (standing.state === 'unknown' && !isForeignUser)) {
      abuse.refused('credential_without_owner', currentRequest()?.clientIp);
      if (principal.kind === 'api_key') await noteKeyWithoutOwner(principal.subject);
      throw ownerGone(principal.kind);
    }
    if (isTokenEnded(principal, standing)) throw tokenRefused('token_revoked');
    if (standing.state === 'unknown') return principal;
    const own = principal.scopesOfOwner ? standing.scopes : principal.scopes;
    return { ...principal, scopes: commonScopes(own, standing.scopes) };
  };
};
