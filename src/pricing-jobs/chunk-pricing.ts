import { codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobHandler, PutBack } from '#src/kernel/ports/jobs.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { ChunkStore } from './chunk-store.ts';
import { isWantedSql } from './lost-chunks.ts';
import { createOwnerPauses } from './owner-pauses.ts';
import { watchChunk } from './chunk-watch.ts';
import type { ChunkOutcome, MeasureChunk } from './measured-chunk.ts';
import { readStoredBytes } from './stored-bytes.ts';

// SQL: chunks hold megabytes, which must not be in an identity map.

type PricedChunk = { readonly bytes: ByteBlocks; readonly rows: number; readonly failed: number };

type ChunkJob = {
  /** The work counts against the worker share of this caller. */
  readonly caller: string;
  /** What the settings of the user meant when the job was opened. Undefined for clients and jobs of an earlier version. */
  readonly defaults: PricingDefaults | undefined;
};

export type ChunkPricingDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly store: ChunkStore;
  readonly measure: MeasureChunk;
  /** False if the caller that opened the job was deleted, disabled or revoked, or has expired. Then its chunks are not priced. */
  readonly mayAct: (subject: string) => Promise<boolean>;
  /** Milliseconds between two checks whether a chunk that is being priced still exists; 1,000 by default. */
  readonly watchMs?: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Max large chunks that this process reads and prices at a time. The other workers are for small ones. */
  readonly maxLargeChunks: number;
  /**
   * Prices one Arrow stream.
   * @throws AppError
   */
  readonly price: (bytes: ByteBlocks, signal: AbortSignal, job: ChunkJob) => Promise<PricedChunk>;
};

const chunkSql = `
  select octet_length(input) as length, subject, owner, defaults from pricing_chunk join pricing_job job on job.id = job_id
  where job_id = $1 and number = $2 and pricing_chunk.status = 'waiting' and job.status <> 'cancelled'`;

type ChunkRow = {
  readonly length: number | null;
  readonly subject: string;
  readonly owner: string | null;
  readonly defaults: PricingDefaults | null;
};

const outcomeOf = (code: ErrorCode): ChunkOutcome => (errorTable[code].status < 500 ? 'refused' : 'failed');

/** Max bytes of a small chunk. */
const maxSmallBytes = 1_048_576;

type LargeChunks = {
  /** @returns the function that ends the work on a chunk of this size, or undefined while as many large ones as allowed are in progress */
  readonly enter: (bytes: number) => (() => void) | undefined;
};

/** Limits the large chunks that a process reads and prices at a time, so that the other workers are free for small ones. */
const createLargeChunks = (max: number): LargeChunks => {
  let inProgress = 0;
  return {
    enter: (bytes) => {
      if (bytes <= maxSmallBytes) return () => {};
      if (inProgress >= max) return undefined;
      inProgress += 1;
      return () => {
        inProgress -= 1;
      };
    },
  };
};
/** Time until a large chunk that found no room is tried again. */
const largeWaitSeconds = 1;

/** The pricing processes have no room, because of the work of other callers or of other work of the same caller. */
const noRoom: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['overloaded', 'rate_limit_exceeded']);

/** Returns the handler that prices one chunk. */
export const createChunkPricing = (deps: ChunkPricingDeps): JobHandler => {
  const { unitOfWork, reader, store, measure, mayAct, price, watchMs = 1_000, clock, maxLargeChunks } = deps;
  const largeChunks = createLargeChunks(maxLargeChunks);
  const pauses = createOwnerPauses(clock);

  const isWaiting = async (jobId: string, number: number): Promise<boolean> => {
    const sql = `select 1 from pricing_chunk where job_id = $1 and number = $2 and ${isWantedSql}`;
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

  /** Stores a permanent error with the chunk, and the last temporary one. @throws the error, so that the queue tries again or gives the job up */
  const failOrThrow = async (
    { jobId, number, last }: { readonly jobId: string; readonly number: number; readonly last: boolean },
    error: unknown,
  ): Promise<void> => {
    const code = codeOf(error);
    // After `quota_exceeded` there is no retry, because it would need the same work and give a result of the same size.
    const mayRetry = errorTable[code].retryable && code !== 'quota_exceeded';
    if (last || !mayRetry) await fail(jobId, number, code);
    // Other errors are permanent, for example an invalid stream. The chunk has the error code, and the queue must not retry.
    if (mayRetry || code === 'internal_error') throw error;
  };

  const failAsGone = (jobId: string, number: number): Promise<unknown> => fail(jobId, number, 'credential_owner_gone');

  return ({ job_id: jobId = '', number: text = '' }, signal, { last }) =>
    measure('price', async (end) => {
      const number = Number(text);
      const [chunk] = await reader.query<ChunkRow>(chunkSql, [jobId, number]);
      // The job was cancelled, or a worker that counted as dead has finished the chunk.
      if (!chunk) return end('removed');
      if (!(await mayAct(chunk.subject))) {
        await failAsGone(jobId, number);
        return end('refused', 'credential_owner_gone');
      }
      const { owner, subject, defaults } = chunk;
      const length = chunk.length ?? 0;
      const caller = owner ?? subject;
      const putBack = (seconds: number, rest: Pick<PutBack, 'rests'> = {}): PutBack => {
        end('no_room');
        return { putBackSeconds: seconds, ...rest };
      };
      // The input has megabytes, so it is not read if its owner had no room just now.
      const pauseSeconds = pauses.left(caller);
      if (pauseSeconds > 0) return putBack(pauseSeconds);
      const leave = largeChunks.enter(length);
      if (!leave) return putBack(largeWaitSeconds, { rests: true });
      const watch = watchChunk({
        isWanted: async () => (await isWaiting(jobId, number)) && (await mayAct(chunk.subject)),
        everyMs: watchMs,
      });
      try {
        const whileWanted = AbortSignal.any([signal, watch.signal]);
        // Not the end of the worker: its pricing ends with that, so that the queue tries again.
        const input = await readStoredBytes(reader.query, { column: 'input', jobId, number, length }, watch.signal);
        if (!input) return end('removed');
        const priced = await price(input, whileWanted, { caller, defaults: defaults ?? undefined });
        pauses.end(caller);
        const { bytes: output, rows, failed } = priced;
        await store.finish({ jobId, number, owner, output, rows, failed });
      } catch (error) {
        if (watch.signal.aborted) {
          if (await mayAct(chunk.subject)) return end('removed');
          // Its caller has ended while it was priced.
          await failAsGone(jobId, number);
          return end('refused', 'credential_owner_gone');
        }
        const code = codeOf(error);
        // The chunk must not keep its place, because owners without room would keep all places. It must not use up the attempts of
        // its job either, because the cause is other work.
        if (noRoom.has(code) && !signal.aborted) return putBack(pauses.begin(caller));
        end(outcomeOf(code), code);
        await failOrThrow({ jobId, number, last }, error);
      } finally {
        watch.stop();
        leave();
      }
    });
};
