import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';

export type RegistrationQuotaDeps = {
  readonly reader: Reader;
  readonly abuse: AbuseReport;
  readonly maxUsersWithoutSignIn: number;
};

/**
 * Checks the quota for one more account. It counts only accounts without a sign-in. It runs before the address is looked
 * up, so the refusal reveals nothing about the address.
 * @throws AppError `quota_exceeded`
 */
export type AssertMayRegister = () => Promise<void>;

export const createRegistrationQuota =
  ({ reader, abuse, maxUsersWithoutSignIn: max }: RegistrationQuotaDeps): AssertMayRegister =>
  async () => {
    const [found] = await reader.query<{ users: number }>(
      `select count(*)::int as users from (
         select 1 from user_account where first_signed_in_at is null limit $1
       ) as unused`,
      [max],
    );
    assertWithinQuota(abuse, {
      quota: 'users_without_sign_in',
      wanted: found!.users + 1,
      max,
      unit: 'users',
      remedy: 'Too many accounts wait for their first sign-in; try again later.',
    });
  };

/**
 * Removes accounts that are older than `days` and had no sign-in. They never had credentials, so their rows in
 * `owner_end`, which a trigger writes for deleted users, are removed too.
 * @returns the number of accounts
 */
export const removeUsersWithoutSignIn = async ({ query }: Transaction, days: number): Promise<number> => {
  const removed = await query<{ id: string }>(
    `delete from user_account where first_signed_in_at is null and created_at < now() - $1 * interval '1 day'
     returning id::text`,
    [days],
  );
  await query(`delete from owner_end where owner_kind = 'user' and owner_id = any($1) and reason = 'deleted'`, [
    removed.map(({ id }) => id),
  ]);
  return removed.length;
};
