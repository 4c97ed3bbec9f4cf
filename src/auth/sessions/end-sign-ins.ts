import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { keptAfterExpiry, maxTokenAge } from '../tokens/revocation-reads.ts';
import type { EndedToken } from '../tokens/revocations.ts';

export type EndSignInsOptions = {
  readonly at: Date;
  /** Stored with the refresh families. */
  readonly reason:
    | 'operator'
    | 'password_changed'
    | 'password_reset'
    | 'removal_requested'
    | 'second_factor_enabled'
    | 'signed_out';
  /** The session, or the access token with its refresh family, that stays. */
  readonly keep?: { readonly sessionId?: string | undefined; readonly tokenId?: string | undefined };
};

export type EndedSignIns = {
  readonly sessions: number;
  readonly refreshFamilies: number;
  /** The revoked access tokens, to be announced after the commit. */
  readonly tokens: readonly EndedToken[];
};

type TokenRow = { readonly token_id: string; readonly expires_at: Date };
type EndedFamily = { readonly id: string };

const idsOf = (families: readonly EndedFamily[]): readonly string[] => families.map(({ id }) => id);

/**
 * Revokes the access tokens of refresh families that the same transaction has ended. Its own statement, because a refresh may have stored a token while the one
 * that ended the families waited for their locks. A family that ended before must not be given, because its tokens are revoked, and a sign-in can have thousands.
 * @returns the tokens to announce after the commit
 */
export const revokeTokensOf = async (
  query: Query,
  familyIds: readonly string[],
  at: Date,
): Promise<readonly EndedToken[]> => {
  if (familyIds.length === 0) return [];
  const rows = await query<TokenRow>(
    `insert into revoked_token (token_id, revoked_at, expires_at)
     select access_token_id, clock_timestamp(), access_expires_at from refresh_token
     where family_id = any($1::uuid[]) and created_at > $2::timestamptz - ${maxTokenAge}
       and access_expires_at > $2::timestamptz - ${keptAfterExpiry}
     on conflict (token_id) do nothing returning token_id, expires_at`,
    [familyIds, at],
  );
  return rows.map(({ token_id: id, expires_at: expiresAt }) => ({ id, expiresAt }));
};

/** Ends the sign-ins of a user that wait for their second step. */
export const endSecondSteps = async (query: Query, userId: string): Promise<void> => {
  // SQL, because a user can have many.
  await query('delete from sign_in_challenge where user_id = $1', [userId]);
};

/**
 * Ends the sessions of a user, and the refresh families with their access tokens. This is SQL with one statement for each
 * table, because a user can have many.
 */
export const endSignIns = async (
  { query }: Transaction,
  userId: string,
  { at, reason, keep = {} }: EndSignInsOptions,
): Promise<EndedSignIns> => {
  const sessions = await query(
    'delete from user_session where user_id = $1 and id is distinct from $2::uuid returning 1',
    [userId, keep.sessionId ?? null],
  );
  // A sign-in that waits for its second step was begun before this time, so its token must end too.
  await endSecondSteps(query, userId);
  // Somebody whose sign-in ends here may have made it.
  await query('delete from user_second_factor where user_id = $1 and confirmed_at is null', [userId]);
  const families = await query<EndedFamily>(
    `update refresh_family set revoked_at = $2, revoked_reason = $3
     where user_id = $1 and revoked_at is null
       and not exists (select 1 from refresh_token where family_id = refresh_family.id and access_token_id = $4)
     returning id`,
    [userId, at, reason, keep.tokenId ?? null],
  );
  const tokens = await revokeTokensOf(query, idsOf(families), at);
  return { sessions: sessions.length, refreshFamilies: families.length, tokens };
};

/**
 * Ends the oldest refresh families of a user with their access tokens, so that there is room for a new one. Each live family stores
 * up to a max number of tokens, so their number bounds what one user can store. The account must be locked.
 * @returns the number of ended families. Instances refuse their access tokens from their next read of revocations on
 */
export const endOldestFamilies = async (
  { query }: Transaction,
  userId: string,
  { at, max }: { readonly at: Date; readonly max: number },
): Promise<number> => {
  // SQL, because it is one statement for any number of families.
  const ended = await query<EndedFamily>(
    `update refresh_family set revoked_at = $2, revoked_reason = 'surplus' where id in (
       select id from refresh_family where user_id = $1 and revoked_at is null and expires_at > $2
       order by created_at desc, id desc offset $3)
     returning id`,
    [userId, at, max - 1],
  );
  await revokeTokensOf(query, idsOf(ended), at);
  return ended.length;
};

/**
 * Until when tokens are ended by their time of issue, if sign-ins end at `at`. Times of issue are whole seconds. A second is left
 * out, so that a sign-in right afterwards is not refused. The tokens of sign-ins are ended by their ids too.
 */
export const endOfEarlierTokens = (at: Date): Date => new Date(at.getTime() - 1_000);

/**
 * Ends the tokens of the earlier system of a user, beside the sign-in of the caller. They have no refresh family, so they are ended by
 * their time of issue. Unlike `endOfEarlierTokens` no second is left out, because this service issues no such token right afterwards.
 * @param caller if its token is of the earlier system, it is the only one that stays
 */
export const endLegacyTokens = async (
  { query }: Transaction,
  userId: string,
  caller: Pick<Principal, 'tokenFormat' | 'tokenId'> | undefined,
  at: Date,
): Promise<void> => {
  // SQL, because a stored reason such as `disabled` must stay.
  await query(
    `insert into owner_end as ended (owner_kind, owner_id, reason, ended_at, legacy_ended_at, legacy_kept_token_id)
     values ('user', $1, 'tokens_ended', to_timestamp(0), $2, $3)
     on conflict (owner_kind, owner_id) do update set
       legacy_ended_at = greatest(ended.legacy_ended_at, excluded.legacy_ended_at),
       legacy_kept_token_id = excluded.legacy_kept_token_id`,
    [userId, at, (caller?.tokenFormat === 'legacy' && caller.tokenId) || null],
  );
};

/** Ends the tokens of an owner that have no refresh family: those of a client, and those of the earlier system. */
export const endTokensIssuedBefore = async (transaction: Transaction, { kind, id }: Owner, at: Date): Promise<void> => {
  // SQL, because a stored reason such as `disabled` must stay.
  await transaction.query(
    `insert into owner_end as ended (owner_kind, owner_id, reason, ended_at) values ($1, $2, 'tokens_ended', $3)
     on conflict (owner_kind, owner_id) do update set ended_at = greatest(ended.ended_at, excluded.ended_at)`,
    // The client asks for another token. A second less would leave one that was got with the former secret.
    [kind, id, kind === 'client' ? at : endOfEarlierTokens(at)],
  );
  if (kind === 'user') await endLegacyTokens(transaction, id, undefined, at);
};
