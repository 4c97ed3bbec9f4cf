import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type UnusedUserReadsDeps = { readonly reader: Reader };

/** Counts the accounts without a sign-in, and stops at `max`, so that the count has a max cost. */
export type CountUnusedUsers = (max: number) => Promise<number>;

export const createUnusedUserReads =
  ({ reader }: UnusedUserReadsDeps): CountUnusedUsers =>
  async (max) => {
    const [found] = await reader.query<{ users: number }>(
      `select count(*)::int as users from (
         select 1 from user_account where first_signed_in_at is null limit $1
       ) as unused`,
      [max],
    );
    return found!.users;
  };
