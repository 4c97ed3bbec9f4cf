import { scopes, type Principal, type Scope } from '../requests/principal.ts';
import type { Query } from './unit-of-work.ts';

/** The user or client that an API key, a webhook or a token belongs to. An API key cannot be an owner. */
export type Owner = { readonly kind: 'user' | 'client'; readonly id: string };

export type TokenEnds = {
  /** Unix seconds. Access tokens issued at or before this time are not valid any more. */
  readonly tokensEndedAt?: number;
  /** As `tokensEndedAt`, for tokens of the earlier system only. */
  readonly legacyTokensEndedAt?: number;
  /** The id of a token of the earlier system that `legacyTokensEndedAt` leaves. */
  readonly legacyTokenKept?: string;
};

/**
 * The current state of an owner.
 * - `present`: exists and is enabled.
 * - `gone`: deleted, disabled or revoked. `unverified`: a user whose address must be verified first.
 * - `unknown`: a user that never had an account here, for example of an earlier system whose tokens are accepted.
 */
export type OwnerStanding =
  | (TokenEnds & { readonly state: 'present'; readonly scopes: readonly Scope[] })
  | { readonly state: 'gone'; readonly unverified?: true }
  | (TokenEnds & { readonly state: 'unknown' });

/** The credential with which a request asks to store something. */
export type StoringCaller = Pick<
  Principal,
  'kind' | 'subject' | 'tokenId' | 'tokenIssuedAt' | 'tokenFormat' | 'sessionId'
>;

export type Owners = {
  /**
   * Returns the state from a short-lived cache, else from the database.
   * @throws AppError of category database if the state is not cached and the database fails
   */
  readonly standing: (owner: Owner) => Promise<OwnerStanding>;
  /**
   * Returns the scopes that a stored credential or subscription has now: those of `own` that its owner has too.
   * Undefined if the owner is gone or has no account here, because its scopes are not known then.
   */
  readonly scopesFor: (owner: Owner, own: readonly Scope[]) => Promise<readonly Scope[] | undefined>;
  /**
   * Must be called by each transaction that stores something that acts for an owner later, what the requests of an owner use, or data of
   * an owner without a foreign key to the account: a key, a webhook or its secret, a connected calendar, a consent, a pricing job, an
   * idempotency key, a profile, settings, a preset. It
   * waits for a transaction that ends the credentials of the owner, and lets the next one wait. Then it reads
   * the state of the owner and of the credential of `caller` in this transaction, because the request was authenticated
   * before, and the cached state may be older than such an end.
   * @throws AppError `credential_owner_gone`; `token_revoked`, `credentials_missing` or `api_key_invalid` if the token, the
   * session or the API key of `caller` was ended, or the key has expired
   */
  readonly assertMayStore: (query: Query, owner: Owner, caller: StoringCaller) => Promise<void>;
  /**
   * Must be called by each transaction that gives or takes rights of others, after its last lock. It reads the state and the scopes of the credential and of
   * its owner in this transaction, because the cached state may be older than an end of the credential or a loss of the scope.
   * @throws AppError as `assertMayStore`; `scope_insufficient` if the owner does not hold `scope` any more, or the API key does not have it any more
   */
  readonly assertHolds: (query: Query, caller: Principal, scope: Scope) => Promise<void>;
};

/**
 * As `assertMayStore`, for the caller of the current request. It must be called before rows of the owner are locked, and after the account
 * where that is locked, because the transactions that end credentials lock in this order.
 */
export type AssertCallerMayStore = (query: Query) => Promise<void>;

/**
 * As `assertHolds`, for the caller of the current request, also in work that goes on beyond the request. Work that takes minutes must call it right before
 * its commit.
 */
export type AssertCallerHolds = (query: Query, scope: Scope) => Promise<void>;

/** The name of the lock of `takeOwnerTurn` for transactions that store or end credentials of an owner. */
export const credentialsTurn = ({ kind, id }: Owner): string => `credentials of ${kind}:${id}`;

/** Returns the scopes that are in both lists, in the order of the catalogue. */
export const commonScopes = (own: readonly Scope[], held: readonly Scope[]): Scope[] =>
  scopes.filter((scope) => own.includes(scope) && held.includes(scope));

/** Returns the user or client that a caller belongs to. */
export const ownerOf = ({ kind, subject, owner }: Principal): Owner | undefined =>
  owner ?? (kind === 'api_key' ? undefined : { kind, id: subject });

/** Returns the owner whose quota stored data count against, as text: `user:<id>` or `client:<id>`. */
export const ownerName = (principal: Principal): string => {
  const owner = ownerOf(principal);
  return owner ? `${owner.kind}:${owner.id}` : `${principal.kind}:${principal.subject}`;
};
