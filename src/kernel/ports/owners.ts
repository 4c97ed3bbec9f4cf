import { scopes, type Principal, type Scope } from '../requests/principal.ts';

/** Who an API key, a webhook or a token acts for. Keys are owned, they own nothing. */
export type Owner = { readonly kind: 'user' | 'client'; readonly id: string };

/**
 * What the service knows of an owner now.
 * - `present`: there and enabled.
 * - `gone`: deleted, disabled or revoked here.
 * - `unknown`: a user that never had an account here, for example of an earlier system whose tokens are accepted.
 */
export type OwnerStanding =
  | {
      readonly state: 'present';
      readonly scopes: readonly Scope[];
      /** Access tokens issued at or before this instant (Unix seconds) have ended. */
      readonly tokensEndedAt?: number;
    }
  | { readonly state: 'gone' }
  | { readonly state: 'unknown'; readonly tokensEndedAt?: number };

export type Owners = {
  /**
   * From memory while it was read a short time ago, else from the database.
   * @throws AppError of category database when neither can tell
   */
  readonly standing: (owner: Owner) => Promise<OwnerStanding>;
  /**
   * What a stored credential or subscription may do now: its own scopes that its owner holds too. Undefined when the
   * owner is gone or has no account here, because nobody can say then what he holds.
   */
  readonly scopesFor: (owner: Owner, own: readonly Scope[]) => Promise<readonly Scope[] | undefined>;
};

/** Of `own` what is `held` too, in the order of the catalogue. */
export const commonScopes = (own: readonly Scope[], held: readonly Scope[]): Scope[] =>
  scopes.filter((scope) => own.includes(scope) && held.includes(scope));

/** The user or client behind a caller. */
export const ownerOf = ({ kind, subject, owner }: Principal): Owner | undefined =>
  owner ?? (kind === 'api_key' ? undefined : { kind, id: subject });

/** Whom stored data count against, as text: `user:<id>` or `client:<id>`. */
export const ownerName = (principal: Principal): string => {
  const owner = ownerOf(principal);
  return owner ? `${owner.kind}:${owner.id}` : `${principal.kind}:${principal.subject}`;
};
