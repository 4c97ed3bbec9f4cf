import { countRemoved, removePart, repeatUntilNone, rowsPerPart } from '#src/kernel/lists/removal.ts';
import { subjectsOfUserSql } from '#src/kernel/credentials/subjects-of-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a subject delete sets.

/** A job can have 32,768 chunks and 512 MiB, and they are removed with it, so that nobody reads a job without its chunks. */
export const jobsPerPart = 20;

/** About a tenth of a second of the disk. */
const bytesPerPart = 33_554_432;

const old = { table: 'pricing_job', where: `created_at < now() - $1 * interval '1 hour'`, rows: jobsPerPart };

/** Removes a part of the jobs that were opened more than `hours` ago, with their data. @returns their number */
export const removeOldPricingJobs = ({ query }: Transaction, hours: number): Promise<number> =>
  removePart(query, old, [hours]);

/** A part of the chunks of a cancelled job. Their bytes decide about its size, because a chunk has tens of megabytes or nearly none. */
const removeChunksSql = `with next as materialized (
    select number, stored_bytes from pricing_chunk where job_id = $1 limit ${rowsPerPart} for update skip locked
  ), part as (
    select number from (select number, sum(stored_bytes) over (order by number) - stored_bytes as earlier from next) as summed
    where earlier < ${bytesPerPart}
  )
  delete from pricing_chunk where job_id = $1 and number in (select number from part)`;

/**
 * Removes the data of cancelled jobs, in parts. A request only cancels, because what a caller has stored can take longer to remove than a request may. A chunk
 * that is being written is left for the next run.
 * @param inTransaction runs a part
 * @returns the number of chunks
 */
export const removeCancelledChunks = async (
  inTransaction: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>,
  signal: AbortSignal,
): Promise<number> => {
  const jobs = await inTransaction(({ query }) =>
    query<{ id: string }>(
      `select id from pricing_job where status = 'cancelled' and exists (select from pricing_chunk where job_id = id)`,
    ),
  );
  let removed = 0;
  for (const { id } of jobs) {
    removed += await repeatUntilNone(() => {
      signal.throwIfAborted();
      return inTransaction(({ query }) => countRemoved(query, removeChunksSql, [id]));
    });
  }
  return removed;
};

/** Removes the jobs of a user and of its API keys, with their data. @returns the number of jobs */
export const removePricingJobsOf = ({ query }: Transaction, userId: string): Promise<number> =>
  countRemoved(query, `delete from pricing_job where subject in ${subjectsOfUserSql}`, [userId]);
