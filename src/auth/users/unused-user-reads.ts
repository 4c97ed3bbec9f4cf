import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isUnclaimedSql } from './users.ts';

export type UnusedUserReadsDeps = { readonly reader: Reader };

/** Counts the accounts that nobody claimed, and stops at `max`. It also reads imported accounts without a sign-in, which it does not count. */
export type CountUnusedUsers = (max: number) => Promise<number>;

export const createUnusedUserReads =
  ({ reader }: UnusedUserReadsDeps): CountUnusedUsers =>
  async (max) => {
    const [found] = await reader.query<{ users: number }>(
      `select count(*)::int as users from (
         select 1 from user_account as account where ${isUnclaimedSql} limit $1
       ) as unused`,
      [max],
    );
    return found!.users;
  };
