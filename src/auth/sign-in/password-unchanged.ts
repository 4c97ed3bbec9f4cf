import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { assertCredentialLives } from '../owners/credential-lives.ts';
import { isDisabledSql, type FoundUser } from '../users/users.ts';
import { createPasswordRefused } from './password-check.ts';

const passwordRefused = createPasswordRefused(false);

/** What a sign-in decides by, as it is while the account is locked. */
export type LockedUser = Pick<FoundUser, 'email'> & {
  /** Whether a sign-in needs a second factor. */
  readonly second_factor: boolean;
  /** The user asked for the removal of the account. */
  readonly removal_planned: boolean;
};

/**
 * Locks the account until the end of the transaction, so that a sign-in with the old password cannot survive a change that
 * ends all sign-ins. The check of a password takes long, so what was read before it can be out of date.
 * @returns undefined if the password is not the one that was checked any more, or the user is disabled
 */
export const lockUnchanged = async (
  { query }: Transaction,
  { id, password_hash: checked }: Pick<FoundUser, 'id' | 'password_hash'>,
): Promise<LockedUser | undefined> => {
  // SQL, because this lock lets other transactions insert rows that refer to the account.
  const [row] = await query<{ password_hash: string }>(
    'select password_hash from user_account where id = $1 for no key update',
    [id],
  );
  if (row?.password_hash !== checked) return undefined;
  // Its own statement, because the one with the lock does not see what was stored while it waited.
  const [state] = await query<LockedUser & { readonly disabled: boolean }>(
    `select email, ${isDisabledSql} as disabled, removal_at is not null as removal_planned,
       exists (select 1 from user_second_factor where user_id = account.id and confirmed_at is not null) as second_factor
     from user_account as account where id = $1`,
    [id],
  );
  return state?.disabled === false ? state : undefined;
};

/**
 * Locks the account for a change that its user has confirmed with the password. Whoever knows the password and has lost the sign-in meanwhile needs the second
 * factor for another one, so the sign-in must live.
 * @throws AppError `credentials_invalid` if the password has changed or is that of another account, and as the authentication if the sign-in of the caller has ended
 */
export const lockConfirmed = async (
  transaction: Transaction,
  user: Pick<FoundUser, 'id' | 'password_hash'>,
  caller: Principal,
): Promise<void> => {
  // The address of the caller may have moved to another account before its password was checked.
  if (user.id !== caller.subject.toLowerCase()) throw passwordRefused('confirmation');
  if (!(await lockUnchanged(transaction, user))) throw passwordRefused('confirmation');
  await assertCredentialLives(transaction.query, caller);
};
