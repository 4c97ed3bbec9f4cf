import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { JobEnqueuer, JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';

// SQL: chunks hold megabytes, which must not be in an identity map.

/** The key of the job that prices a chunk. */
export const chunkKey = (jobId: string, number: number): string => `${jobId}/${number}`;

/** `network` is a keyed hash of the network of the request that gave the chunk. */
export type ChunkTurn = {
  readonly jobId: string;
  readonly number: number;
  readonly group: string;
  readonly network: string | undefined;
  readonly bytes: number;
};

/** A chunk takes one more turn of its owner for each of so many bytes, because large chunks keep the workers longer. */
const bytesOfTurn = 262_144;
const costOf = (bytes: number): number => 1 + Math.floor(bytes / bytesOfTurn);

/** Enqueues the pricing of a chunk. */
export const enqueueChunk = (
  transaction: Transaction,
  jobs: JobEnqueuer,
  { jobId, number, group, network, bytes }: ChunkTurn,
): Promise<boolean> =>
  jobs.enqueue(transaction, 'pricing', {
    key: chunkKey(jobId, number),
    data: { job_id: jobId, number: String(number) },
    group,
    ...(network !== undefined && { network }),
    cost: costOf(bytes),
  });

/** A condition of SQL: the chunk waits for its result. Those of a cancelled job are removed. */
export const isWantedSql = `pricing_chunk.status = 'waiting'
  and exists (select from pricing_job as owning where owning.id = pricing_chunk.job_id and owning.status <> 'cancelled')`;

/** A condition of SQL: the chunk waits, and the queue has given its job up. */
export const isLostSql = (jobs: JobSetEnqueuer): string =>
  `${isWantedSql} and ${jobs.lacksJob('pricing', `pricing_chunk.job_id || '/' || pricing_chunk.number`)}`;

/** Chunks of one run. The next one comes after five minutes. */
const maxChunks = 100;

type LostChunk = {
  readonly job_id: string;
  readonly number: number;
  readonly group: string;
  readonly network: string | null;
  readonly bytes: number;
};

/**
 * Looks for chunks that wait without a job: it was given up while the database was away, or with a process that was killed in each attempt. A
 * chunk is enqueued again once. The second time it fails, because its pricing may be what ends the process.
 */
export const createLostChunks = (deps: {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer & JobSetEnqueuer;
  readonly logger: Logger;
}): { readonly resume: () => Promise<void> } => {
  const { unitOfWork, reader, jobs, logger } = deps;

  const failAgainLost = async (): Promise<number> => {
    const failed = await unitOfWork.run({ operation: 'pricing_job.finish' }, ({ query }) =>
      query(
        `update pricing_chunk set status = 'failed', input = null, stored_bytes = 0, reason = 'internal_error', finished_at = now()
         where (job_id, number) in (select job_id, number from pricing_chunk where is_resumed and ${isLostSql(jobs)} limit ${maxChunks})
           and status = 'waiting' returning number`,
      ),
    );
    return failed.length;
  };

  /** A transaction of its own for each chunk, because they belong to several groups. */
  const enqueueAgain = ({ job_id: jobId, number, group, network, bytes }: LostChunk): Promise<boolean> =>
    unitOfWork.run({ operation: 'pricing_job.change', alone: lockNames.pricingJob(jobId) }, async (transaction) => {
      const marked = await transaction.query(
        `update pricing_chunk set is_resumed = true where job_id = $1 and number = $2 and ${isLostSql(jobs)} returning number`,
        [jobId, number],
      );
      if (marked.length === 0) return false;
      return enqueueChunk(transaction, jobs, { jobId, number, group, network: network ?? undefined, bytes });
    });

  return {
    resume: async () => {
      const failed = await failAgainLost();
      const lost = await reader.query<LostChunk>(
        `select job_id, number, coalesce(owner, subject) as group, network, octet_length(input) as bytes
         from pricing_chunk join pricing_job job on job.id = job_id
         where not is_resumed and ${isLostSql(jobs)} order by job_id, number limit ${maxChunks}`,
      );
      let chunks = 0;
      for (const chunk of lost) if (await enqueueAgain(chunk)) chunks += 1;
      if (chunks > 0) logger.warn({ chunks }, 'chunks of pricing jobs without a job of the queue are enqueued again');
      if (failed > 0)
        logger.error({ chunks: failed }, 'chunks of pricing jobs failed, because their job was given up twice');
    },
  };
};
