import { countRemoved, removePart } from '#src/kernel/lists/removal.ts';
import { subjectsOfUserSql } from '#src/kernel/credentials/subjects-of-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a subject delete sets.

/** A job can have 32,768 chunks and 512 MiB, and they are removed with it, so that nobody reads a job without its chunks. */
export const jobsPerPart = 20;

const old = { table: 'pricing_job', where: `created_at < now() - $1 * interval '1 hour'`, rows: jobsPerPart };

/** Removes a part of the jobs that were opened more than `hours` ago, with their data. @returns their number */
export const removeOldPricingJobs = ({ query }: Transaction, hours: number): Promise<number> =>
  removePart(query, old, [hours]);

/** Removes the jobs of a user and of its API keys, with their data. @returns the number of jobs */
export const removePricingJobsOf = ({ query }: Transaction, userId: string): Promise<number> =>
  countRemoved(query, `delete from pricing_job where subject in ${subjectsOfUserSql}`, [userId]);
