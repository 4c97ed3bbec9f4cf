import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import { isDisabledSql } from '../users/users.ts';

/** A refresh token with its family and the owner. */
export type FamilyRow = {
  readonly family_id: string;
  readonly scopes: Scope[];
  /** Milliseconds since the use of the token, by the clock of the database; null for an unused one. */
  readonly used_ms_ago: number | null;
  readonly live: boolean;
  /** Somebody has ended the family, so that its access tokens are revoked. An expired family may have a live one. */
  readonly ended: boolean;
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly held: Scope[];
};

/**
 * SQL, because one statement joins three tables.
 * @param lock locks the row of the family, so that requests with tokens of one family run one after the other
 */
export const findFamily = async (
  query: Query,
  refreshToken: string,
  now: Date,
  lock: 'for update of family' | '' = 'for update of family',
): Promise<FamilyRow | undefined> => {
  const [row] = await query<FamilyRow>(
    `select token.family_id, token.scopes,
       (extract(epoch from clock_timestamp() - token.used_at) * 1000)::float8 as used_ms_ago,
       family.revoked_at is null and family.expires_at > $2 and not (${isDisabledSql}) as live,
       family.revoked_at is not null as ended,
       account.id, account.email, account.role, account.scopes as held
     from refresh_token as token
     join refresh_family as family on family.id = token.family_id
     join user_account as account on account.id = family.user_id
     where token.token_hash = $1 ${lock}`,
    [tokenDigest(refreshToken), now],
  );
  return row;
};

/** Whether a token with the claims of one row has those of the other. */
export const hasSameClaims = (one: FamilyRow, other: FamilyRow): boolean =>
  one.email === other.email &&
  one.role === other.role &&
  one.scopes.join(' ') === other.scopes.join(' ') &&
  one.held.join(' ') === other.held.join(' ');

export type RefreshTokensReadsDeps = { readonly reader: Reader };

/** Reads a refresh token as it is now, without a lock. */
export const createRefreshTokensReads =
  ({ reader }: RefreshTokensReadsDeps) =>
  (refreshToken: string, now: Date): Promise<FamilyRow | undefined> =>
    findFamily(reader.query, refreshToken, now, '');
