import { LockMode } from '@mikro-orm/core';
import type { Scope } from '#src/kernel/requests/principal.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { UserAccountEntity } from '../account-entities.ts';

export type User = {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly scopes: readonly Scope[];
};

/** Role and scopes of a new account. An operator can grant more. */
export const newUser = { role: 'user', scopes: ['ml:read'] } as const satisfies Pick<User, 'role' | 'scopes'>;

/**
 * The stored form of an e-mail address, so that all spellings mean one account. The local part becomes lower case too. By
 * the standard it may be case-sensitive, but mail services do not use that.
 */
export const normalizedEmail = (email: string): string => email.trim().normalize('NFKC').toLowerCase();

/** SQL condition on a row of `user_account as account`: an operator has disabled the account. */
export const isDisabledSql = `exists (select 1 from owner_end
  where owner_kind = 'user' and owner_id = account.id::text and reason = 'disabled')`;

/**
 * SQL condition on a row of `user_account as account`: somebody registered the account, nobody has used it, and nobody has proved to own
 * its address. An imported account was not registered. A user of the earlier system may use it later with tokens of that
 * system, and the first use counts as a sign-in. A disabled account is no unclaimed one, because it must stay disabled.
 */
export const isUnclaimedSql = `account.first_signed_in_at is null and account.email_verified_at is null
  and account.legacy_id is null and account.registration_bucket is not null and not ${isDisabledSql}`;

/**
 * SQL condition on a row of `user_account as account`: two people may have registered the address, and neither has proved to own
 * it. A message that only confirms the address could give its owner an account of the other one, with a password, API keys and a
 * second factor of that person. Who resets the password chooses it, and ends these.
 */
export const isContestedSql = 'account.registered_again_at is not null and account.email_verified_at is null';

export type StoredUser = User & { readonly password_hash: string };

/**
 * A user before the check of the password. `disabled`: an operator disabled the account.
 */
export type FoundUser = StoredUser & {
  readonly disabled: boolean;
  /** The owner proved that messages to the address arrive. */
  readonly verified: boolean;
};

export const findUser = async (query: Query, email: string): Promise<FoundUser | undefined> => {
  const [user] = await query<FoundUser>(
    `select account.id, email, role, scopes, password_hash, ${isDisabledSql} as disabled,
       email_verified_at is not null as verified
     from user_account as account
     where email = $1`,
    [email],
  );
  return user;
};

export type NewRegistration = {
  readonly createdAt: Date;
  /** The hash that `FindPasswordHash` has found. */
  readonly seenHash: string | undefined;
  /** The bucket of the network of the registration. */
  readonly bucket: number;
  /** The new password fits `seenHash`. Then it is the same person, who has sent the form twice. */
  readonly isSamePassword: boolean;
  /**
   * An account that waits for the proof of its address gets the new password, because nobody may choose the password of an address by
   * being the first.
   */
  readonly replacesPending: boolean;
};

/**
 * Inserts a user, unless the address is taken. An account whose address nobody has proved becomes contested by another password.
 * @returns the id of the account that has the address now; undefined if its password has changed since `seenHash` was read
 */
export const insertUser = async (
  query: Query,
  user: StoredUser,
  { createdAt, seenHash, isSamePassword, replacesPending, bucket }: NewRegistration,
): Promise<{ readonly id: string; readonly inserted: boolean } | undefined> => {
  // SQL: all cases run the same single statement with one write, so that they take the same time.
  const [row] = await query<{ id: string; inserted: boolean }>(
    `insert into user_account as account (id, email, password_hash, role, scopes, created_at, registration_bucket)
     values ($1, $2, $3, $4, $5, $6, $10)
     on conflict (email) do update set password_hash = case
       when $7 and ${isUnclaimedSql}
       then excluded.password_hash else account.password_hash end,
       registered_again_at = case
       when account.email_verified_at is null and not $8
       then excluded.created_at else account.registered_again_at end
       where account.password_hash = $9
     returning id, xmax = 0 as inserted`,
    [
      user.id,
      user.email,
      user.password_hash,
      user.role,
      user.scopes,
      createdAt,
      replacesPending,
      isSamePassword,
      seenHash ?? null,
      bucket,
    ],
  );
  return row;
};

/** Replaces the hash only if it is still `before`, because the password may have changed in between. */
export const replacePasswordHash = async (
  { em }: Transaction,
  id: string,
  { before, after }: { readonly before: string; readonly after: string },
): Promise<void> => {
  const unchanged = { id, passwordHash: before };
  const user = await em.findOne(UserAccountEntity, unchanged, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (user) user.passwordHash = after;
};

/** Locks an account until the end of the transaction, so that changes of its sign-ins come one after the other. */
export const lockAccount = async ({ query }: Transaction, id: string): Promise<void> => {
  await query('select 1 from user_account where id = $1 for no key update', [id]);
};

export const setPassword = async ({ em }: Transaction, id: string, passwordHash: string): Promise<void> => {
  const user = await em.findOneOrFail(UserAccountEntity, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  user.passwordHash = passwordHash;
  await em.flush();
};

/**
 * Notes that messages to the address of the account arrive. The time of the first proof stays.
 * @returns whether this is the first proof
 */
export const markVerified = async ({ em }: Transaction, id: string, at: Date): Promise<boolean> => {
  const user = await em.findOneOrFail(UserAccountEntity, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (user.emailVerifiedAt) return false;
  user.emailVerifiedAt = at;
  await em.flush();
  return true;
};
