import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer, JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createChunkStore } from './chunk-store.ts';
import { watchChunk } from './chunk-watch.ts';
import type { PricingJobQuota } from './quota.ts';
import { readStoredBytes } from './stored-bytes.ts';

type PricingJob = {
  readonly id: string;
  readonly status: 'open' | 'running' | 'completed' | 'cancelled';
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly chunks: { readonly total: number; readonly done: number; readonly failed: number };
  /** Only rows of chunks that are done. */
  readonly rows: { readonly priced: number; readonly failed: number };
};

type PricedChunk = { readonly bytes: Uint8Array; readonly rows: number; readonly failed: number };

export type PricingJobsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer;
  readonly ids: () => string;
  /** False if the caller that opened the job was deleted or disabled. Then its chunks are not priced. */
  readonly mayAct: (subject: string) => Promise<boolean>;
  readonly quota: PricingJobQuota;
  /** Refuses bytes that are not an Arrow stream, before they are stored. @throws AppError */
  readonly assertStream: (bytes: Uint8Array) => void;
  /** Milliseconds between two checks whether a chunk that is being priced still exists; 1,000 by default. */
  readonly watchMs?: number;
  /** Prices one Arrow stream. @param caller the work counts against the worker share of this caller @throws AppError */
  readonly price: (bytes: Buffer, signal: AbortSignal, caller: string) => Promise<PricedChunk>;
};

export type PricingJobs = {
  /**
   * @param alsoInTransaction runs in the same transaction
   * @throws AppError `quota_exceeded` if the owner has the max number of jobs
   */
  readonly open: (
    caller: Caller,
    alsoInTransaction?: (job: PricingJob, transaction: Transaction) => Promise<void>,
  ) => Promise<PricingJob>;
  /**
   * Stores a chunk and enqueues its pricing in one transaction. The same bytes with the same number change nothing.
   * @throws AppError `resource_not_found`, `precondition_failed`, `quota_exceeded`
   */
  readonly add: (subject: string, id: string, number: number, bytes: Buffer) => Promise<PricingJob>;
  /** Closes the job for further chunks. */
  readonly submit: (subject: string, id: string) => Promise<PricingJob>;
  readonly find: (subject: string, id: string) => Promise<PricingJob>;
  /**
   * @throws AppError `resource_not_found`, also if the chunk is not priced yet; the code of the error if pricing failed
   */
  readonly result: (subject: string, id: string, number: number) => Promise<Buffer>;
  /** Removes all chunks. Waiting chunks are not priced any more. */
  readonly cancel: (subject: string, id: string) => Promise<void>;
  /** Prices one chunk. */
  readonly handle: JobHandler;
};

/**
 * Only `subject` can access the job. The job counts against the quota of `owner`: for an API key, the user or client
 * that it belongs to.
 */
type Caller = { readonly subject: string; readonly owner: string };

const jobSql = `
  select job.id, job.status, job.created_at, job.submitted_at,
    count(chunk.number) filter (where chunk.status <> 'storing')::int as total,
    count(*) filter (where chunk.status = 'done')::int as done,
    count(*) filter (where chunk.status = 'failed')::int as failed,
    coalesce(sum(chunk.row_count), 0)::int as row_count, coalesce(sum(chunk.failed_count), 0)::int as failed_count,
    max(chunk.finished_at) as finished_at
  from pricing_job job left join pricing_chunk chunk on chunk.job_id = job.id
  where job.id = $1 and job.subject = $2 group by job.id`;

type JobRow = {
  readonly id: string;
  readonly status: 'open' | 'submitted' | 'cancelled';
  readonly created_at: Date;
  readonly submitted_at: Date | null;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly row_count: number;
  readonly failed_count: number;
  readonly finished_at: Date | null;
};

const toJob = (row: JobRow): PricingJob => {
  const completed = row.status === 'submitted' && row.done + row.failed === row.total;
  return {
    id: row.id,
    status: completed ? 'completed' : row.status === 'submitted' ? 'running' : row.status,
    created_at: row.created_at.toISOString(),
    finished_at: completed ? (row.finished_at ?? row.submitted_at)!.toISOString() : null,
    chunks: { total: row.total, done: row.done, failed: row.failed },
    rows: { priced: row.row_count, failed: row.failed_count },
  };
};

const digestOf = async (bytes: Buffer): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');

const failureOf = (reason: ErrorCode): AppError =>
  new AppError(
    reason,
    reason === 'pricing_work_too_large'
      ? 'The chunk takes too long to price: send smaller chunks, or ask for less precision'
      : 'The chunk could not be priced',
  );

const notFound = (): AppError => new AppError('resource_not_found', 'There is no such pricing job');

export const createPricingJobs = (deps: PricingJobsDeps): PricingJobs => {
  const { unitOfWork, reader, ids, mayAct, price, quota, assertStream, watchMs = 1_000 } = deps;
  const store = createChunkStore(deps);

  const read = async (query: Reader['query'], subject: string, id: string): Promise<PricingJob> => {
    const [row] = await query<JobRow>(jobSql, [id, subject]);
    if (!row) throw notFound();
    return toJob(row);
  };

  /** Locks the job, so that it cannot be submitted or cancelled in the meantime. @returns its owner */
  const lockOpen = async (query: Reader['query'], subject: string, id: string): Promise<string | null> => {
    const [row] = await query<{ status: string; owner: string | null }>(
      'select status, owner from pricing_job where id = $1 and subject = $2 for update',
      [id, subject],
    );
    if (!row) throw notFound();
    if (row.status !== 'open') throw new AppError('precondition_failed', 'The job takes no more chunks');
    return row.owner;
  };

  const isWaiting = async (jobId: string, number: number): Promise<boolean> => {
    const sql = `select 1 from pricing_chunk where job_id = $1 and number = $2 and status = 'waiting'`;
    return (await reader.query(sql, [jobId, number])).length > 0;
  };

  const fail = (jobId: string, number: number, reason: ErrorCode): Promise<unknown> =>
    unitOfWork.run({ operation: 'pricing_job.finish' }, ({ query }) =>
      query(
        `update pricing_chunk set status = 'failed', input = null, stored_bytes = 0, reason = $3, finished_at = now()
         where job_id = $1 and number = $2 and status = 'waiting'`,
        [jobId, number, reason],
      ),
    );

  return {
    open: ({ subject, owner }, alsoInTransaction) =>
      unitOfWork.run({ operation: 'pricing_job.change' }, async (transaction) => {
        const id = ids();
        await quota.assertJob(transaction.query, owner);
        await transaction.query(
          `insert into pricing_job (id, subject, owner, status, created_at) values ($1, $2, $3, 'open', now())`,
          [id, subject, owner],
        );
        const job = await read(transaction.query, subject, id);
        await alsoInTransaction?.(job, transaction);
        return job;
      }),

    add: async (subject, jobId, number, bytes) => {
      assertStream(bytes);
      const digest = await digestOf(bytes);
      const { owner, isNew } = await unitOfWork.run({ operation: 'pricing_job.change' }, async ({ query }) => {
        const own = await lockOpen(query, subject, jobId);
        const chunk = { jobId, number, owner: own, digest, bytes: bytes.length };
        return { owner: own, isNew: await store.reserve(query, chunk) };
      });
      if (isNew) await store.write({ jobId, number, group: owner ?? subject }, bytes);
      return read(reader.query, subject, jobId);
    },

    submit: (subject, id) =>
      unitOfWork.run({ operation: 'pricing_job.change' }, async ({ query }) => {
        const submitted = await query(
          `update pricing_job set status = 'submitted', submitted_at = now()
           where id = $1 and subject = $2 and status = 'open' returning 1`,
          [id, subject],
        );
        if (submitted.length > 0) {
          // A reserved chunk must not be written after the submission, and must not keep its bytes reserved.
          await query(`delete from pricing_chunk where job_id = $1 and status = 'storing'`, [id]);
        }
        return read(query, subject, id);
      }),

    find: (subject, id) => read(reader.query, subject, id),

    result: async (subject, id, number) => {
      const [chunk] = await reader.query<{ length: number | null; reason: ErrorCode | null }>(
        `select octet_length(output) as length, reason from pricing_chunk join pricing_job job on job.id = job_id
         where job_id = $1 and subject = $2 and number = $3`,
        [id, subject, number],
      );
      if (chunk?.reason) throw failureOf(chunk.reason);
      const length = chunk?.length ?? 0;
      const output = await readStoredBytes(reader.query, { column: 'output', jobId: id, number, length });
      if (!output?.length) throw new AppError('resource_not_found', 'This chunk has no result yet');
      return output;
    },

    cancel: (subject, id) =>
      unitOfWork.run({ operation: 'pricing_job.change' }, async ({ query }) => {
        const done = await query(
          `update pricing_job set status = 'cancelled' where id = $1 and subject = $2 returning 1`,
          [id, subject],
        );
        if (done.length === 0) throw notFound();
        await query('delete from pricing_chunk where job_id = $1', [id]);
      }),

    handle: async ({ job_id: jobId = '', number: text = '' }, signal, { last }) => {
      const number = Number(text);
      const [chunk] = await reader.query<{ length: number | null; subject: string; owner: string | null }>(
        `select octet_length(input) as length, subject, owner from pricing_chunk join pricing_job job on job.id = job_id
         where job_id = $1 and number = $2 and pricing_chunk.status = 'waiting'`,
        [jobId, number],
      );
      // The job was cancelled, or a worker that counted as dead has finished the chunk.
      if (!chunk) return;
      if (!(await mayAct(chunk.subject))) {
        await fail(jobId, number, 'credential_owner_gone');
        return;
      }
      const watch = watchChunk({ isWanted: () => isWaiting(jobId, number), everyMs: watchMs });
      try {
        const { owner, length } = chunk;
        const input = await readStoredBytes(reader.query, { column: 'input', jobId, number, length: length ?? 0 });
        if (!input) return;
        const priced = await price(input, AbortSignal.any([signal, watch.signal]), owner ?? chunk.subject);
        const { bytes, rows, failed } = priced;
        const output = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        await store.finish({ jobId, number, owner, output, rows, failed });
      } catch (error) {
        if (watch.signal.aborted) return;
        const code = codeOf(error);
        // After `quota_exceeded` there is no retry, because it would need the same work and give a result of the same
        // size.
        const mayRetry = errorTable[code].retryable && code !== 'quota_exceeded';
        if (last || !mayRetry) await fail(jobId, number, code);
        // Other errors are permanent, for example an invalid stream. The chunk has the error code, and the queue must
        // not retry.
        if (mayRetry || code === 'internal_error') throw error;
      } finally {
        watch.stop();
      }
    },
  };
};
