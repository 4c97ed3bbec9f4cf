import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createLegacyUserReads, type LegacyUserReadsDeps } from './legacy-user-reads.ts';

/**
 * Replaces the subject of a token of the earlier system by the id of the account in this service, and adds the e-mail address of
 * the account if the token has none.
 * @returns the principal unchanged if its token is not of the earlier system, or if no account is found. The owner rule decides
 * then about the unknown user
 * @throws AppError of category database if the database fails
 */
export type ResolveLegacyUser = (principal: Principal) => Promise<Principal>;

export type LegacyUsersDeps = LegacyUserReadsDeps & { readonly unitOfWork: UnitOfWork; readonly clock: Clock };

/**
 * Returns the function that finds the accounts of tokens of the earlier system. Such a token names a user by the id or the e-mail
 * address that the user had there. Each call reads the database once. The first use of an account that nobody claimed counts as its
 * first sign-in, so that it is not removed as an unused one.
 */
export const createLegacyUsers = (deps: LegacyUsersDeps): ResolveLegacyUser => {
  const { unitOfWork, clock } = deps;
  const find = createLegacyUserReads(deps);

  /** @returns false if the account was removed meanwhile */
  const claim = (id: string): Promise<boolean> =>
    unitOfWork.run({ operation: 'auth.login' }, async ({ query }) => {
      // SQL, because a simultaneous request must not write again.
      await query('update user_account set first_signed_in_at = $2 where id = $1 and first_signed_in_at is null', [
        id,
        clock.now(),
      ]);
      return (await query('select 1 from user_account where id = $1', [id])).length > 0;
    });

  return async (principal) => {
    if (principal.tokenFormat !== 'legacy') return principal;
    const found = await find(principal);
    if (!found || (found.unclaimed && !(await claim(found.id)))) return principal;
    return { ...principal, subject: found.id, email: principal.email ?? found.email };
  };
};
