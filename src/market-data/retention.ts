import type { Transaction } from '#src/kernel/unit-of-work.ts';

/** Removes ended refresh records older than `days`, but for each universe's newest success. @returns how many */
export const removeOldRefreshes = async ({ query }: Transaction, days: number): Promise<number> =>
  (
    await query(
      `delete from refresh where status <> 'running' and finished_at < now() - $1 * interval '1 day' and id not in (
         select distinct on (universe) id from refresh where status = 'succeeded' order by universe, finished_at desc
       ) returning 1`,
      [days],
    )
  ).length;
