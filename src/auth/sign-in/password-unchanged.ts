import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { isDisabledSql, type FoundUser } from '../users/users.ts';

/**
 * Whether the password is still the one that was checked, and the user is not disabled. It locks the account until the end
 * of the transaction, so that a sign-in with the old password cannot survive a change that ends all sign-ins.
 */
export const isPasswordUnchanged = async (
  { query }: Transaction,
  { id, password_hash: checked }: Pick<FoundUser, 'id' | 'password_hash'>,
): Promise<boolean> => {
  // SQL, because this lock lets other transactions insert rows that refer to the account.
  const [row] = await query<{ password_hash: string }>(
    'select password_hash from user_account where id = $1 for no key update',
    [id],
  );
  if (row?.password_hash !== checked) return false;
  // Its own statement, because the one with the lock does not see what was stored while it waited.
  const [state] = await query<{ disabled: boolean }>(
    `select ${isDisabledSql} as disabled from user_account as account where id = $1`,
    [id],
  );
  return state?.disabled === false;
};
