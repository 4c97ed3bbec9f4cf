import { subjectsOfUserSql } from '#src/kernel/credentials/subjects-of-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a subject delete sets.

/** Removes jobs that were opened more than `hours` ago, with their data. @returns their number */
export const removeOldPricingJobs = async ({ query }: Transaction, hours: number): Promise<number> =>
  (await query(`delete from pricing_job where created_at < now() - $1 * interval '1 hour' returning 1`, [hours]))
    .length;

/** Removes the jobs of a user and of its API keys, with their data. @returns the number of jobs */
export const removePricingJobsOf = async ({ query }: Transaction, userId: string): Promise<number> =>
  (await query(`delete from pricing_job where subject in ${subjectsOfUserSql} returning 1`, [userId])).length;
