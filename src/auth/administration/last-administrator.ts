import { AppError } from '#src/kernel/catalogue/errors.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { isDisabledSql } from '../users/users.ts';

const adminScope: Scope = 'users:admin';

export const isAdministrator = (
  roles: Roles,
  user: { readonly role: string; readonly scopes: readonly Scope[]; readonly disabled: boolean },
): boolean => !user.disabled && heldScopes(roles, user).includes(adminScope);

/**
 * Must be called in the transaction that takes `users:admin` from an administrator, before the change. Such transactions
 * run one after the other, so that two administrators cannot remove each other at the same time.
 * @throws AppError `last_administrator` if no other enabled user holds `users:admin`
 */
export const assertOtherAdministrator = async ({ query }: Transaction, roles: Roles, userId: string): Promise<void> => {
  await takeOwnerTurn(query, 'administrators');
  const adminRoles = [...roles].filter(([, scopes]) => scopes.includes(adminScope)).map(([role]) => role);
  const others = await query(
    `select 1 from user_account as account
     where id <> $1 and (role = any($2) or $3 = any(scopes)) and not (${isDisabledSql}) limit 1`,
    [userId, adminRoles, adminScope],
  );
  if (others.length > 0) return;
  throw new AppError(
    'last_administrator',
    'No other enabled user holds users:admin. Give it to another user first, or use npm run user',
  );
};
