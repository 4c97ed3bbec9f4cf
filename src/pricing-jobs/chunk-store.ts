import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer, JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Query, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { enqueueChunk, isLostSql, isWantedSql } from './lost-chunks.ts';
import type { PricingJobQuota } from './quota/quota.ts';

/** Identifies one chunk. */
type ChunkKey = { readonly jobId: string; readonly number: number };
type NewChunk = Reserved & {
  readonly owner: string | null;
  readonly group: string;
  readonly network: string | null;
  readonly bytes: number;
};
type Reserved = ChunkKey & { readonly digest: string };
/** `network` is a keyed hash of the network of the request that gave the chunk. */
type ChunkTurn = { readonly group: string; readonly network: string | undefined };
type Priced = ChunkKey & { readonly owner: string | null; readonly output: ByteBlocks; readonly rows: number } & {
  readonly failed: number;
};

export type ChunkStoreDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly jobs: JobEnqueuer & JobSetEnqueuer;
  readonly quota: PricingJobQuota;
};

export type ChunkStore = {
  /**
   * Reserves the bytes of a chunk before they are written, because a refused chunk must cause no disk write, and
   * because the lock of the owner must not be held while megabytes are written. The same chunk is enqueued again if it waits without a job.
   * @returns false if the same chunk is stored already
   * @throws AppError `precondition_failed` for other bytes under the same number, `quota_exceeded`
   */
  readonly reserve: (transaction: Transaction, chunk: NewChunk) => Promise<boolean>;
  /**
   * Writes the bytes of a reserved chunk and enqueues it.
   * @throws AppError `precondition_failed` when the job was submitted or cancelled or the number has other rows,
   * `concurrency_limit_exceeded` while another request writes the same chunk, or after its write failed
   */
  readonly write: (chunk: Reserved & ChunkTurn, bytes: ByteBlocks) => Promise<void>;
  /**
   * Locks the chunks of a job whose bytes are not written yet, without a wait.
   * @returns false if another transaction writes one of them
   */
  readonly lockReserved: (query: Query, jobId: string) => Promise<boolean>;
  /** Replaces the input of a chunk with its result. @throws AppError `quota_exceeded` */
  readonly finish: (priced: Priced) => Promise<void>;
};

const otherRows = (): AppError =>
  new AppError('precondition_failed', 'The chunk of this number has been given with other rows');

const closed = (): AppError => new AppError('precondition_failed', 'The job takes no more chunks');

/** The statements on chunks are SQL, because an entity would hold megabytes of input and output in the identity map. */
export const createChunkStore = ({ unitOfWork, jobs, quota }: ChunkStoreDeps): ChunkStore => {
  /**
   * A failed write must not leave its bytes reserved. If this delete fails too, the next write of the chunk uses the
   * reservation.
   */
  const release = async ({ jobId, number, digest }: Reserved): Promise<void> => {
    await unitOfWork
      .run({ operation: 'pricing_job.change' }, ({ query }) =>
        // With the digest, because another request can have reserved the number for other rows meanwhile.
        query(`delete from pricing_chunk where job_id = $1 and number = $2 and digest = $3 and status = 'storing'`, [
          jobId,
          number,
          digest,
        ]),
      )
      .catch(() => {});
  };

  /** Locks the reservation of a chunk. @returns false if the chunk is stored already */
  const claimReserved = async (query: Query, { jobId, number, digest }: Reserved): Promise<boolean> => {
    const [job] = await query<{ status: string }>('select status from pricing_job where id = $1', [jobId]);
    if (!job || job.status === 'cancelled') throw closed();
    const reserved = await query(
      `select 1 from pricing_chunk where job_id = $1 and number = $2 and digest = $3 and status = 'storing' for update skip locked`,
      [jobId, number, digest],
    );
    if (reserved.length > 0) return true;
    const [chunk] = await query<{ status: string; digest: string }>(
      'select status, digest from pricing_chunk where job_id = $1 and number = $2',
      [jobId, number],
    );
    if (chunk && chunk.digest !== digest) throw otherRows();
    if (chunk && chunk.status !== 'storing') return false;
    // The submission of a job removes its reservations, and so does a failed write of the same rows.
    if (!chunk && job.status !== 'open') throw closed();
    throw new AppError('concurrency_limit_exceeded', 'Another request stores this chunk', { retryAfter: 1 });
  };

  return {
    reserve: async (transaction, { jobId, number, owner, group, network, digest, bytes }) => {
      const { query } = transaction;
      const [known] = await query<{ digest: string; status: string; is_lost: boolean }>(
        `select digest, status, ${isLostSql(jobs)} as is_lost from pricing_chunk where job_id = $1 and number = $2`,
        [jobId, number],
      );
      if (known && known.digest !== digest) throw otherRows();
      if (known?.is_lost) {
        await enqueueChunk(transaction, jobs, { jobId, number, group, network: network ?? undefined, bytes });
      }
      if (known) return known.status === 'storing';
      if (owner !== null) await quota.assertChunk(query, { owner, network }, bytes);
      await query(
        `insert into pricing_chunk (job_id, number, status, digest, stored_bytes, network)
         values ($1, $2, 'storing', $3, $4, $5)`,
        [jobId, number, digest, bytes, network],
      );
      return true;
    },

    write: async (chunk, bytes) => {
      const { jobId, number, group, network } = chunk;
      try {
        await unitOfWork.run({ operation: 'pricing_job.change' }, async (transaction) => {
          const { query } = transaction;
          if (!(await claimReserved(query, chunk))) return;
          await query(`update pricing_chunk set status = 'waiting', input = $3 where job_id = $1 and number = $2`, [
            jobId,
            number,
            bytes,
          ]);
          await enqueueChunk(transaction, jobs, { jobId, number, group, network, bytes: bytes.byteLength });
        });
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'concurrency_limit_exceeded')) await release(chunk);
        throw error;
      }
    },

    lockReserved: async (query, jobId) => {
      const condition = `job_id = $1 and status = 'storing'`;
      const [row] = await query<{ is_free: boolean }>(
        `select (select count(*) from pricing_chunk where ${condition})
           = (select count(*) from (select from pricing_chunk where ${condition} for update skip locked) free) as is_free`,
        [jobId],
      );
      return row!.is_free;
    },

    finish: async ({ jobId, number, owner, output, rows, failed }) => {
      if (owner !== null) {
        await unitOfWork.run({ operation: 'pricing_job.finish' }, async ({ query }) => {
          const [chunk] = await query<{ stored_bytes: number; network: string | null }>(
            `select stored_bytes, network from pricing_chunk where job_id = $1 and number = $2 and ${isWantedSql}`,
            [jobId, number],
          );
          if (!chunk) return;
          await quota.assertResult(query, owner, { inputBytes: chunk.stored_bytes, resultBytes: output.byteLength });
          await quota.addResult(query, { owner, network: chunk.network }, output.byteLength);
          await query(
            `update pricing_chunk set stored_bytes = greatest(stored_bytes, $3)
             where job_id = $1 and number = $2 and status = 'waiting'`,
            [jobId, number, output.byteLength],
          );
        });
      }
      await unitOfWork.run({ operation: 'pricing_job.finish' }, ({ query }) =>
        query(
          `update pricing_chunk set status = 'done', input = null, output = $6, stored_bytes = $3, row_count = $4,
             failed_count = $5, finished_at = now() where job_id = $1 and number = $2 and ${isWantedSql}`,
          [jobId, number, output.byteLength, rows, failed, output],
        ),
      );
    },
  };
};
