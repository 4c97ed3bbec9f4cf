import { setTimeout as sleep } from 'node:timers/promises';
import { LockMode } from '@mikro-orm/core';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobEnqueuer, JobHandler, JobRemover, JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { AssertCallerMayStore } from '#src/kernel/ports/owners.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createBoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { holdingPlace } from '#src/kernel/requests/callers/holding-place.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { UnreadBlocks, type ReadingOptions } from '#src/kernel/streams/unread-blocks.ts';
import { digestInTurns } from '#src/kernel/streams/digest-in-turns.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { createChunkPricing, type ChunkPricingDeps } from './chunk-pricing.ts';
import { createChunkStore } from './chunk-store.ts';
import { chunkKey, createLostChunks } from './lost-chunks.ts';
import { createMeasureChunk } from './measured-chunk.ts';
import { PricingJobEntity } from './entities.ts';
import { jobSql, toJob, type JobRow, type PricingJob } from './job-row.ts';
import type { PricingJobQuota } from './quota/quota.ts';
import { readStoredBytes } from './stored-bytes.ts';

// SQL: chunks are read and deleted as sets and hold megabytes, which must not be in an identity map.

export type PricingJobsDeps = Pick<
  ChunkPricingDeps,
  'unitOfWork' | 'reader' | 'mayAct' | 'price' | 'watchMs' | 'maxLargeChunks'
> & {
  readonly jobs: JobEnqueuer & JobSetEnqueuer & JobRemover;
  readonly ids: () => string;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly quota: PricingJobQuota;
  /** Returns what the settings of the user of the current request mean. Undefined if the caller is no user. @throws AppError */
  readonly defaultsOfCaller: () => Promise<PricingDefaults | undefined>;
  /** Refuses bytes that do not begin as an Arrow stream, before they are stored. @throws AppError */
  readonly assertStream: (bytes: Uint8Array) => void;
  /** Returns a keyed hash of the network of the current request. */
  readonly networkOfRequest: () => string | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

export type PricingJobs = {
  /**
   * The chunks of the job use the settings and presets of the caller as they are now.
   * @param alsoInTransaction runs in the same transaction
   * @throws AppError `quota_exceeded` if the owner has the max number of jobs, and the errors of `assertCallerMayStore`
   */
  readonly open: (
    caller: Caller,
    alsoInTransaction?: (job: PricingJob, transaction: Transaction) => Promise<void>,
  ) => Promise<PricingJob>;
  /**
   * Stores a chunk and enqueues its pricing in one transaction. The same bytes with the same number change nothing, but a chunk whose job was
   * given up is enqueued again.
   * @throws AppError `resource_not_found`, `precondition_failed`, `quota_exceeded`
   */
  readonly add: (subject: string, id: string, number: number, bytes: Uint8Array | ByteBlocks) => Promise<PricingJob>;
  /** Closes the job for further chunks. @throws AppError `database_conflict` if one of them is being written for 5 s */
  readonly submit: (subject: string, id: string) => Promise<PricingJob>;
  readonly find: (subject: string, id: string) => Promise<PricingJob>;
  /**
   * The result of a chunk. To read it waits for a place, because a result has up to tens of megabytes.
   * @throws AppError `resource_not_found`, also if the chunk is not priced yet; the code of the error if pricing failed. The reading
   * throws `resource_not_found` if the job was cancelled meanwhile, and `overloaded` if too many other results are being read
   */
  readonly result: (subject: string, id: string, number: number) => Promise<UnreadBlocks>;
  /** Nobody can read the chunks any more, waiting ones are not priced, and the queue removes them. @throws AppError `resource_not_found` */
  readonly cancel: (subject: string, id: string) => Promise<void>;
  /** Prices one chunk. */
  readonly handle: JobHandler;
  /** Enqueues chunks that wait without a job, or lets them fail. */
  readonly resume: () => Promise<void>;
};

/**
 * Only `subject` can access the job. The job counts against the quota of `owner`: for an API key, the user or client
 * that it belongs to.
 */
type Caller = { readonly subject: string; readonly owner: string };

/** The schema of a chunk, which is its first message, must be within so many bytes. */
const maxSchemaBytes = 1_048_576;

const chunkDigest = { algorithm: 'sha256', encoding: 'hex' } as const;

const failureOf = (reason: ErrorCode): AppError =>
  new AppError(
    reason,
    reason === 'pricing_work_too_large'
      ? 'The chunk takes too long to price: send smaller chunks, or ask for less precision'
      : 'The chunk could not be priced',
  );

/** Max results that one process reads at once, because each is in memory until the client has read it. */
const maxResultsAtOnce = 4;
/** Results that wait for their turn. */
const maxResultsWaiting = 256;

/** Max wait for a chunk of a job that is being written: a large one takes about a second while the database is busy. */
const maxWriteWaitMs = 5_000;
const writePauseMs = 100;

const beingWritten = (): AppError =>
  new AppError('database_conflict', 'A chunk of this job is being stored: try again', { retryAfter: 1 });

const noResult = (): AppError =>
  new AppError('resource_not_found', 'This chunk has no result yet: GET /pricing/jobs/ID says when it is done');

const notFound = (): AppError => new AppError('resource_not_found', 'There is no such pricing job');

export const createPricingJobs = (deps: PricingJobsDeps): PricingJobs => {
  const { unitOfWork, reader, ids, clock, quota, assertStream, defaultsOfCaller, networkOfRequest } = deps;
  const measure = createMeasureChunk(deps);
  const store = createChunkStore(deps);
  const readings = createBoundedWork({
    work: 'job_result',
    metrics: deps.metrics,
    concurrency: maxResultsAtOnce,
    queue: maxResultsWaiting,
    detail: 'Other results of pricing jobs are being read',
    retryAfter: 1,
  });

  const read = async (query: Reader['query'], subject: string, id: string): Promise<PricingJob> => {
    const [row] = await query<JobRow>(jobSql, [id, subject]);
    if (!row) throw notFound();
    return toJob(row);
  };

  /** Locks the job until the end of the transaction. */
  const findLocked = async ({ em }: Transaction, subject: string, id: string) => {
    const job = await em.findOne(PricingJobEntity, { id, subject }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!job) throw notFound();
    return job;
  };

  /** Changes of one job run one after another, and those that wait hold no connection. */
  const changeOf = (id: string) => ({ operation: 'pricing_job.change', alone: lockNames.pricingJob(id) }) as const;

  /** @returns undefined while one of the chunks is being written */
  const trySubmit = (subject: string, id: string): Promise<PricingJob | undefined> =>
    unitOfWork.run(changeOf(id), async (transaction) => {
      const { em, query } = transaction;
      const job = await findLocked(transaction, subject, id);
      if (!(await store.lockReserved(query, id))) return undefined;
      if (job.status === 'open') {
        job.status = 'submitted';
        job.submittedAt = clock.now();
        await em.flush();
        // A reserved chunk must not be written after the submission, and must not keep its bytes reserved.
        await query(`delete from pricing_chunk where job_id = $1 and status = 'storing'`, [id]);
      }
      return read(query, subject, id);
    });

  const reserve = async (subject: string, jobId: string, number: number, bytes: ByteBlocks) => {
    assertStream(bytes.start(maxSchemaBytes));
    const digest = await digestInTurns(bytes.blocks, chunkDigest, createTurns());
    return unitOfWork.run(changeOf(jobId), async (transaction) => {
      const job = await findLocked(transaction, subject, jobId);
      if (job.status !== 'open') throw new AppError('precondition_failed', 'The job takes no more chunks');
      const chunk = {
        jobId,
        number,
        owner: job.owner ?? null,
        group: job.owner ?? subject,
        network: networkOfRequest() ?? null,
        digest,
        bytes: bytes.byteLength,
      };
      return { ...chunk, isNew: await store.reserve(transaction, chunk) };
    });
  };

  return {
    open: async ({ subject, owner }, alsoInTransaction) => {
      const defaults = (await defaultsOfCaller()) ?? null;
      return unitOfWork.run(
        { operation: 'pricing_job.change', alone: lockNames.pricingJobs(owner) },
        async (transaction) => {
          const { em, query } = transaction;
          const id = ids();
          // No foreign key refers to the owner, so a job that is stored after the erasure of its owner would stay.
          await deps.assertCallerMayStore(query);
          await quota.assertJob(query, owner);
          em.create(PricingJobEntity, { id, subject, owner, status: 'open', createdAt: clock.now(), defaults });
          await em.flush();
          const job = await read(query, subject, id);
          await alsoInTransaction?.(job, transaction);
          return job;
        },
      );
    },

    add: (subject, jobId, number, given) =>
      measure('store', async () => {
        const bytes = ByteBlocks.of(given);
        const chunk = await reserve(subject, jobId, number, bytes).catch((error: unknown) => {
          // Refused bytes would stay until a collection of the whole heap. Those of a failed write may still be on their way.
          ByteBlocks.release(given);
          throw error;
        });
        const { digest, group, network } = chunk;
        if (chunk.isNew) {
          await store.write({ jobId, number, digest, group, network: network ?? undefined }, bytes);
        }
        ByteBlocks.release(given);
        return read(reader.query, subject, jobId);
      }),

    submit: async (subject, id) => {
      // While a chunk is being written, the submission waits without a connection.
      for (const until = clock.monotonic() + maxWriteWaitMs; ; await sleep(writePauseMs)) {
        currentRequest()?.signal.throwIfAborted();
        const submitted = await trySubmit(subject, id);
        if (submitted) return submitted;
        if (clock.monotonic() >= until) throw beingWritten();
      }
    },

    find: (subject, id) => read(reader.query, subject, id),

    result: async (subject, id, number) => {
      const [chunk] = await reader.query<{ length: number | null; reason: ErrorCode | null }>(
        `select octet_length(output) as length, reason from pricing_chunk join pricing_job job on job.id = job_id
         where job_id = $1 and subject = $2 and number = $3 and job.status <> 'cancelled'`,
        [id, subject, number],
      );
      if (chunk?.reason) throw failureOf(chunk.reason);
      const length = chunk?.length ?? 0;
      if (length === 0) throw noResult();
      const stored = { column: 'output', jobId: id, number, length } as const;
      const readOutput = async ({ signal, reserve }: ReadingOptions) => {
        signal.throwIfAborted();
        reserve();
        const output = await readStoredBytes(reader.query, stored, signal);
        if (!output) throw noResult();
        return output;
      };
      return new UnreadBlocks(length, (options) => readings.run(() => holdingPlace(() => readOutput(options))));
    },

    cancel: (subject, id) =>
      unitOfWork.run(changeOf(id), async (transaction) => {
        const job = await findLocked(transaction, subject, id);
        job.status = 'cancelled';
        const chunks = await transaction.query<{ number: number }>(
          `select number from pricing_chunk where job_id = $1 and status = 'waiting'`,
          [id],
        );
        // Else a caller who stores and cancels chunks fills the queue, and each job in it takes a place for a moment.
        const keys = chunks.map(({ number }) => chunkKey(id, number));
        await deps.jobs.remove(transaction, 'pricing', keys);
      }),

    handle: createChunkPricing({ ...deps, store, measure }),

    ...createLostChunks(deps),
  };
};
