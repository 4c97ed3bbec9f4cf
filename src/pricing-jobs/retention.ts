import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

/** Removes jobs, with what they stored, `hours` after they were opened. @returns how many */
export const removeOldPricingJobs = async ({ query }: Transaction, hours: number): Promise<number> =>
  (await query(`delete from pricing_job where created_at < now() - $1 * interval '1 hour' returning 1`, [hours]))
    .length;

/** Removes the jobs of these callers (`user:ID`, `api_key:ID`), with what they stored. @returns how many */
export const removePricingJobsOf = async ({ query }: Transaction, subjects: readonly string[]): Promise<number> =>
  (await query('delete from pricing_job where subject = any($1::text[]) returning 1', [subjects])).length;
