import { AppError } from '#src/kernel/catalogue/errors.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { isDisabledSql } from '../users/users.ts';

export const adminScope: Scope = 'users:admin';

export const isAdministrator = (
  roles: Roles,
  user: { readonly role: string; readonly scopes: readonly Scope[]; readonly disabled: boolean },
): boolean => !user.disabled && heldScopes(roles, user).includes(adminScope);

/**
 * Must be called in the transaction that takes `users:admin` from an administrator, before the change. Such transactions
 * run one after the other, so that two administrators cannot remove each other at the same time.
 * A user whose removal is planned does not count as another administrator.
 * @throws AppError `last_administrator` if no other enabled user holds `users:admin`
 */
export const assertOtherAdministrator = async ({ query }: Transaction, roles: Roles, userId: string): Promise<void> => {
  await takeOwnerTurn(query, 'administrators');
  const adminRoles = [...roles].filter(([, scopes]) => scopes.includes(adminScope)).map(([role]) => role);
  const others = await query(
    `select 1 from user_account as account
     where id <> $1 and (role = any($2) or $3 = any(scopes)) and not (${isDisabledSql})
       and removal_at is null limit 1`,
    [userId, adminRoles, adminScope],
  );
  if (others.length > 0) return;
  throw new AppError(
    'last_administrator',
    'No other enabled user holds users:admin. Give it to another user first, or use npm run user',
  );
};

/** Runs a change, and records its refusal with `last_administrator` in the audit trail. */
export type RecordingRefusal = <Result>(userId: string, change: () => Promise<Result>) => Promise<Result>;

export const createRefusalRecord =
  ({ unitOfWork, audit }: { readonly unitOfWork: UnitOfWork; readonly audit: AuditTrail }): RecordingRefusal =>
  async (userId, change) => {
    try {
      return await change();
    } catch (error) {
      if (error instanceof AppError && error.code === 'last_administrator') {
        audit.refuse(unitOfWork, {
          stream: `user:${userId}`,
          action: 'user.change_refused',
          target: userId,
          reason: 'last_administrator',
        });
      }
      throw error;
    }
  };
