import type { Piscina } from 'piscina';
import { context, SpanStatusCode, type Attributes, type Tracer } from '@opentelemetry/api';
import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/errors.ts';
import type { Faults } from '#src/kernel/faults.ts';
import type { HealthCheck } from '#src/kernel/health.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import type { BatchRequest } from '../batch-job.ts';
import { watchProgress } from './progress.ts';
import { control, errorOf, type BatchOutcome, type WorkerReply, type WorkerTask } from './protocol.ts';

export type PricingWorkersDeps = {
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly faults: Faults;
  readonly threads: number;
  /** Batches that may wait for a thread. */
  readonly queueLimit: number;
  /** How long a cancelled worker may go on before its thread is ended; a row of a slow model takes that long at most. */
  readonly cancelGraceMs?: number;
  /** Without progress for this long, a thread at work is ended. */
  readonly stallMs: number;
  /** Of one thread; 100,000 rows of objects take some 100. A thread that needs more ends, the process does not. */
  readonly heapMegabytes?: number;
  /** What the threads run. */
  readonly filename?: string;
};

export type PricingWorkers = {
  /**
   * Prices a batch on another thread; `request.bytes` is gone afterwards.
   * @throws AppError `overloaded` (queue full, or `signal` aborted), `shutting_down`, `internal_error` when the thread
   * ended, and those of `openBatch`
   */
  readonly run: (request: BatchRequest, signal?: AbortSignal) => Promise<BatchOutcome>;
  readonly healthCheck: HealthCheck;
  /** Ends the threads, and whatever still runs on them. */
  readonly close: () => Promise<void>;
};

const retryAfter = 1;
/** For how long health remembers that a thread ended. */
const restartMemoryMs = 3_000;
const now = (): number => performance.timeOrigin + performance.now();

/** The bytes in memory of their own, which can be transferred: small buffers share theirs. */
const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer ? bytes : Uint8Array.from(bytes);

/** Threads for batches and models that would hold up the event loop; started when the first of them comes. */
export const createPricingWorkers = (deps: PricingWorkersDeps): PricingWorkers => {
  const {
    tracer,
    metrics,
    logger,
    faults,
    threads,
    queueLimit,
    stallMs,
    cancelGraceMs = 1_000,
    heapMegabytes = 768,
  } = deps;
  const filename = deps.filename ?? new URL('worker.ts', import.meta.url).href;
  let pool: Promise<Piscina> | undefined;
  let closed = false;
  let inFlight = 0;
  let restartedAt = Number.NEGATIVE_INFINITY;
  /** Tasks whose threads have not got on for a while. */
  const suspects = new Set<WorkerTask>();

  const report = (): void => {
    metrics.set('volwatch_workers_busy', {}, Math.min(inFlight, threads));
    metrics.set('volwatch_workers_queue_size', {}, Math.max(0, inFlight - threads));
  };

  report();
  // There from the start: an increase from nothing to 1 would not be seen.
  metrics.count('volwatch_workers_restarts_total', {}, 0);

  const start = async (): Promise<Piscina> => {
    const { Piscina } = await import('piscina');
    const started = new Piscina({
      filename,
      name: 'priceBatch',
      minThreads: threads,
      maxThreads: threads,
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
      // Neither the telemetry preload of this process nor its secrets.
      execArgv: [],
      env: {},
    });
    started.on('workerDestroy', () => {
      if (closed) return;
      restartedAt = performance.now();
      metrics.count('volwatch_workers_restarts_total', {});
      logger.error({ threads }, 'a pricing worker ended and is replaced');
    });
    // Of a thread that ends between two tasks; `workerDestroy` has told of it.
    started.on('error', () => {});
    return started;
  };

  /** What the thread answered, or `overloaded` as soon as `signal` aborts: the thread is told to stop, then ended. */
  const ask = async (task: WorkerTask, signal: AbortSignal | undefined): Promise<WorkerReply> => {
    const end = new AbortController();
    const given = Promise.withResolvers<never>();
    let grace: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      Atomics.store(task.control, control.cancelled, 1);
      // A task that has not begun ends at once when its turn comes.
      if (Atomics.load(task.control, control.started) === 1) grace = setTimeout(() => end.abort(), cancelGraceMs);
      given.reject(new AppError('overloaded', 'The calculation did not end in time', { retryAfter }));
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const stopWatching = watchProgress(task, {
      stallMs,
      onSuspicion: () => suspects.add(task),
      onProgress: () => suspects.delete(task),
      onStall: () => {
        logger.error({ stall_ms: stallMs }, 'a pricing worker stands still and is ended');
        end.abort();
        given.reject(new AppError('internal_error', 'The thread that priced this stood still'));
      },
    });
    const bytes = task.request.bytes.buffer as ArrayBuffer;
    const answered = (pool ??= start()).then(
      (ready) => ready.run(task, { transferList: [bytes], signal: end.signal }) as Promise<WorkerReply>,
    );
    // The place in the pool is free when the thread is, not when the caller has given up.
    void answered
      .catch(() => {})
      .then(() => {
        clearTimeout(grace);
        stopWatching();
        suspects.delete(task);
        inFlight -= 1;
        report();
      });
    try {
      return await Promise.race([answered, given.promise]);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      if (closed) throw new AppError('shutting_down', undefined, { cause });
      throw new AppError('internal_error', 'The thread that priced this ended', { cause });
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  };

  const run: PricingWorkers['run'] = async (request, signal) => {
    if (closed) throw new AppError('shutting_down');
    if (inFlight >= threads + queueLimit) {
      throw new AppError('overloaded', 'Too many batches wait for a worker', { retryAfter });
    }
    inFlight += 1;
    report();
    const parent = context.active();
    const queuedAt = now();
    const fault = faults.lend('pricing.worker');
    const task: WorkerTask = {
      ...(fault && { fault }),
      request: { ...request, bytes: owned(request.bytes) },
      control: new Int32Array(new SharedArrayBuffer(control.cells * Int32Array.BYTES_PER_ELEMENT)),
    };
    // The thread has no exporter: its span is recorded here, with the times that it took itself.
    const record = (startTime: number, endTime: number, attributes: Attributes, code?: ErrorCode): void => {
      const span = tracer.startSpan('pricing.worker', { startTime, attributes }, parent);
      if (code !== undefined) span.setAttribute('error.type', code);
      if (code !== undefined && errorTable[code].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(endTime);
    };
    const reply = await ask(task, signal).catch((error: unknown) => {
      record(queuedAt, now(), {}, codeOf(error));
      throw error;
    });
    const { startedAt, endedAt, threadId } = reply.span;
    const refusal = 'refusal' in reply ? reply.refusal : undefined;
    record(startedAt, endedAt, { 'thread.id': threadId, 'pricing.queue_ms': startedAt - queuedAt }, refusal?.code);
    if (refusal) throw errorOf(refusal);
    if ('outcome' in reply) return reply.outcome;
    throw new AppError('overloaded', undefined, { retryAfter });
  };

  return {
    run,
    healthCheck: {
      dependency: 'workers',
      required: false,
      check: async () => {
        if (closed) return { status: 'down', detail: 'closed' };
        if (pool === undefined) return { status: 'up', detail: 'starts when needed' };
        if (suspects.size > 0) return { status: 'degraded', detail: 'a worker does not get on' };
        if (performance.now() - restartedAt < restartMemoryMs) {
          return { status: 'degraded', detail: 'a worker ended within the last seconds' };
        }
        return { status: 'up' };
      },
    },
    close: async () => {
      closed = true;
      const started = await pool?.catch(() => undefined);
      await started?.destroy();
    },
  };
};
