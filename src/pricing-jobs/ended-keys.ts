import { isEndedKeySql } from '#src/kernel/credentials/ended-keys.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { jobsPerPart } from './retention.ts';

// SQL: one statement finds and removes many jobs with their chunks. The jobs of ended keys cannot be read any more, and they use the quota of their owner.

/** Jobs that one part looks at. The key of each is looked up, so a part that began anew would look up those of all jobs that stay, hundreds of times. */
const jobsLookedAt = 100;

/** Parameter: the id after which the part begins. A job that is locked is left for the next run. */
const removeNextSql = `with next as materialized (
    select id, subject from pricing_job where id > $1 order by id limit ${jobsLookedAt}
  ), removed as (
    delete from pricing_job where id = any(array(
      select pricing_job.id from pricing_job join next using (id) where ${isEndedKeySql('next.subject')}
      order by pricing_job.id limit ${jobsPerPart} for update of pricing_job skip locked)) returning id
  ) select count(*)::int as rows,
    case when count(*) = ${jobsPerPart} then max(id::text) else (select max(id::text) from next) end as last from removed`;

const beforeAll = '00000000-0000-0000-0000-000000000000';

/**
 * Removes the jobs of API keys that have ended, of all owners, in parts. One run looks at each job once.
 * @param inTransaction runs a part
 * @returns their number
 */
export const removeJobsOfEndedKeys = async (
  inTransaction: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>,
): Promise<number> => {
  let removed = 0;
  for (let after: string | null = beforeAll; after;) {
    const [part] = await inTransaction(({ query }) =>
      query<{ rows: number; last: string | null }>(removeNextSql, [after]),
    );
    removed += part!.rows;
    after = part!.last;
  }
  return removed;
};

/**
 * Cancels all of one owner, who needs the space and the places of all of them at once. The queue removes their data, because it can be larger than a request can
 * remove. @returns their number
 */
export const cancelJobsOfEndedKeysOf = async (query: Query, owner: string): Promise<number> => {
  const cancelled = await query(
    `update pricing_job set status = 'cancelled'
     where owner = $1 and status <> 'cancelled' and ${isEndedKeySql('pricing_job.subject')} returning 1`,
    [owner],
  );
  return cancelled.length;
};
