import type { Tracer } from '@opentelemetry/api';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createCounts } from '#src/kernel/counts.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import { returnReasons } from '#src/kernel/catalogue/pricing-models.ts';
import { createByteCount, type ByteCount } from '#src/kernel/memory/byte-count.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { siteOfRequest } from '#src/kernel/requests/callers/site-of-request.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { GivenBatch } from '../batch/prepared-batch.ts';
import type { Calibration } from '../calibration/calibration.ts';
import type { CalibrationRequest } from '../calibration/calibration-task.ts';
import type { ForecastRequest } from '../forecast/forecast-task.ts';
import type { VolatilityForecast } from '../forecast/volatility-forecast.ts';
import { checkWork, type WorkEstimate } from '../models/cost.ts';
import { expectedTime } from './expected-time.ts';
import { createFairQueue, type WorkKind } from './fair-queue.ts';
import { createLane, type Lane } from './lanes/lane.ts';
import { createLaneEvents } from './lanes/lane-events.ts';
import { isReturnedForPlace, laneFor, laneOfReturned, laneSettings, limitsIn } from './lanes/lane-limits.ts';
import { placesIn, refusalOf, type LaneName } from './lanes/lane-limits.ts';
import { isLargeJob, isLargeText, type LaneTask } from './lanes/lane-task.ts';
import { createLargeTexts } from './lanes/large-texts.ts';
import { parsedBytesOf } from './lanes/text-bytes.ts';
import { createUnderestimated } from './lanes/underestimated.ts';
import type { BatchOutcome, TaskSummary } from './protocol.ts';
import { createPoolTask, refuse, type PoolTask, type TaskResult } from './worker-task.ts';

export type PricingWorkersDeps = {
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly faults: Faults;
  /** Processes for short work. */
  readonly processes: number;
  /** Processes for work above ten times `shortWorkMs`, and as many for work in between; each works on several tasks in turns. */
  readonly longProcesses?: number;
  readonly shortWorkMs?: number;
  /** Max texts in all processes that are alone in theirs. Default: `processes`. */
  readonly largeTexts?: number;
  /** Max tasks that wait for a process, and max bytes of their bodies (`queueBytes`), in each lane. */
  readonly queueLimit: number;
  readonly queueBytes?: number;
  /** Max tasks of one caller, waiting or in progress. */
  readonly callerLimit?: number;
  /** Counts the answers that arrive from processes. */
  readonly arriving?: ByteCount;
  /** Time for a process to stop a cancelled task before it is killed. Two of its slowest rows for each place are added; six times for a starved process. */
  readonly cancelGraceMs?: number;
  /** A working process without progress for this time is killed. */
  readonly stallMs: number;
  /** Max heap of one process. */
  readonly heapMegabytes?: number;
  /** Program of the processes, as a file URL. */
  readonly filename?: string;
};

export type WorkOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Callers share the processes fairly. */
  readonly caller: string;
  readonly kind: WorkKind;
  /** The estimated work, if it is known before a process reads the batch. */
  readonly estimate?: WorkEstimate;
  /** Estimated milliseconds above which the work is refused. */
  readonly maxMs: number;
  /** Called at the end with the facts about the task, unless no process has read its body. */
  readonly onSummary?: (summary: TaskSummary) => void;
};

type Bytes = Pick<GivenBatch, 'bytes'>;
type PoolForecast = ForecastRequest & Bytes;
type PoolCalibration = CalibrationRequest & Bytes;
type PoolRequest = GivenBatch | PoolForecast | PoolCalibration;

export type PricingWorkers = {
  /**
   * Prices a batch in another process. Blocks of bytes are released in any case.
   * @throws AppError `rate_limit_exceeded` (too many tasks of this caller), `overloaded` (queue full, or `signal`
   * aborted), `pricing_work_too_large`, `shutting_down`, `internal_error` when the process ended, and the errors of
   * `prepareSteps`
   */
  readonly run: (request: GivenBatch, options: WorkOptions) => Promise<BatchOutcome>;
  /**
   * Forecasts a volatility in another process. The bytes are those of `writeCloses`.
   * @throws AppError as in `run`, and `pricing_calculation_failed`
   */
  readonly forecast: (request: PoolForecast, options: WorkOptions) => Promise<VolatilityForecast>;
  /**
   * Fits the parameters of Heston in another process. The bytes are the body of the request.
   * @throws AppError as in `run`, and `pricing_calculation_failed`
   */
  readonly calibrate: (request: PoolCalibration, options: WorkOptions) => Promise<Calibration>;
  readonly healthCheck: HealthCheck;
  /** Kills the processes. Their tasks fail with `shutting_down`. */
  readonly close: () => Promise<void>;
};

const retryAfter = 1;

/** Processes for batches and models that would block the event loop. A process starts when there is work for it. */
export const createPricingWorkers = (deps: PricingWorkersDeps): PricingWorkers => {
  const { tracer, metrics, logger, faults, processes, queueLimit, stallMs } = deps;
  const { longProcesses = 1, shortWorkMs = 500, queueBytes = Infinity, callerLimit = Infinity } = deps;
  const { arriving = createByteCount(), largeTexts: largeTextLimit = processes } = deps;
  const byCaller = createCounts();
  const underestimated = createUnderestimated(shortWorkMs);
  const { health, ...events } = createLaneEvents({ metrics, logger, stallMs });
  let closed = false;
  let nextId = 1;

  const largeTexts = createLargeTexts(largeTextLimit);
  const laneOf = (name: LaneName, count: number): Lane =>
    createLane({
      largeTexts,
      arriving,
      queue: createFairQueue<LaneTask>({ maxTasks: queueLimit, maxBytes: queueBytes }),
      filename: deps.filename ?? new URL('worker.ts', import.meta.url).href,
      processes: count,
      ...laneSettings[name],
      places: placesIn(name, shortWorkMs),
      heapMegabytes: deps.heapMegabytes ?? 1_536,
      stallMs,
      cancelGraceMs: deps.cancelGraceMs ?? 5_000,
      ...events,
      onChange: () => report(),
    });
  const lanes: Readonly<Record<LaneName, Lane>> = {
    short: laneOf('short', processes),
    medium: laneOf('medium', longProcesses),
    long: laneOf('long', longProcesses),
  };
  const report = (): void => {
    const sum = (of: 'busy' | 'waiting'): number => Object.values(lanes).reduce((total, lane) => total + lane[of](), 0);
    metrics.set('volwatch_workers_busy', {}, sum('busy'));
    metrics.set('volwatch_workers_queue_size', {}, sum('waiting'));
  };
  report();
  // Starts the counters at 0, because an alert rule does not see an increase from no value to 1.
  for (const reason of returnReasons) metrics.count('volwatch_workers_returned_total', { reason }, 0);

  /** The large chunks of jobs that the lane for medium work has. */
  const mediumJobs = new Set<PoolTask>();
  const enqueue = (task: PoolTask): void => {
    mediumJobs.delete(task);
    const refusal = refusalOf(task, { minLoad: lanes.long.minLoad, mediumJobs, processes: longProcesses });
    if (refusal !== undefined) {
      refuse(task, refusal);
      return;
    }
    if (task.lane === 'medium' && isLargeJob(task)) mediumJobs.add(task);
    events.onDisplaced(lanes[task.lane].add(task));
    report();
  };

  const admit = ({ caller, estimate, maxMs }: WorkOptions): void => {
    if (estimate) checkWork(estimate, maxMs);
    if (closed) throw new AppError('shutting_down');
    if (byCaller.of(caller) >= callerLimit) {
      const detail = `At most ${callerLimit} calculations of one caller may wait or be in progress`;
      throw new AppError('rate_limit_exceeded', detail, { retryAfter, abuse: 'work_by_caller' });
    }
    byCaller.change(caller, 1);
  };

  const createTask = (request: PoolRequest, { caller, kind, maxMs, estimate }: WorkOptions): PoolTask => {
    const { bytes, ...rest } = request;
    const body = ByteBlocks.of(bytes);
    const fault = faults.take('pricing.worker');
    const expectedMs = expectedTime(body.byteLength, estimate);
    const parsedBytes = 'input' in rest ? parsedBytesOf(rest.input, body) : 0;
    const isLarge = isLargeText({ parsedBytes });
    const expectedRowMs = estimate?.maxRowMs ?? 0;
    const wanted = laneFor({ kind, isLarge }, expectedMs, expectedRowMs, shortWorkMs);
    const lane = underestimated.laneFor({ kind, caller }, wanted);
    const isUncertain = estimate?.isUncertain ?? false;
    const facts = { kind, expectedMs, expectedRowMs, bytes: body.byteLength, isUncertain };
    return createPoolTask({
      head: { id: nextId++, request: rest, isJob: kind === 'job', isLargeText: isLarge, ...(fault && { fault }) },
      body,
      parsedBytes,
      caller,
      // Networks share the places of chunks before: see `src/jobs/turns.ts`.
      network: kind === 'job' ? undefined : siteOfRequest(),
      lane,
      limits: limitsIn(lane, facts, maxMs, shortWorkMs),
      tracer,
      logger,
      metrics,
      ...facts,
      isClosed: () => closed,
      releaseBody: () => ByteBlocks.release(bytes),
      onUnderestimated: underestimated.mark,
      onHandedBack: (task, reason) => {
        task.expectedMs = expectedTime(body.byteLength, task.summary, task.summary?.rows);
        if (reason === 'row' || !isReturnedForPlace(task, shortWorkMs)) {
          underestimated.mark(task);
          task.lane = reason === 'row' ? 'long' : laneOfReturned(task, shortWorkMs);
        }
        task.isUnderestimated = reason === 'time';
        task.limits = limitsIn(task.lane, task, maxMs, shortWorkMs);
        enqueue(task);
      },
    });
  };

  const perform = async (request: PoolRequest, options: WorkOptions): Promise<TaskResult> => {
    const { signal } = options;
    const task = createTask(request, options);
    const cancel = (): void => {
      task.reject(new AppError('overloaded', 'The calculation did not end in time', { retryAfter }));
      if (lanes[task.lane].cancel(task)) task.releaseBody();
      report();
    };
    if (signal?.aborted) refuse(task, new AppError('overloaded', 'The request was given up', { retryAfter }));
    else enqueue(task);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await task.outcome;
    } finally {
      signal?.removeEventListener('abort', cancel);
      mediumJobs.delete(task);
      if (task.summary !== undefined) options.onSummary?.(task.summary);
    }
  };

  const run = async (request: PoolRequest, options: WorkOptions): Promise<TaskResult> => {
    const { caller } = options;
    try {
      admit(options);
    } catch (error) {
      ByteBlocks.release(request.bytes);
      throw error;
    }
    try {
      return await perform(request, options);
    } finally {
      byCaller.change(caller, -1);
    }
  };
  const otherKind = (): never => {
    throw new AppError('internal_error', 'The pricing process answered with another kind of result');
  };

  return {
    run: async (request, options) => {
      const result = await run(request, options);
      return 'batch' in result ? result.batch : otherKind();
    },
    forecast: async (request, options) => {
      const result = await run(request, options);
      return 'forecast' in result ? result.forecast : otherKind();
    },
    calibrate: async (request, options) => {
      const result = await run(request, options);
      return 'calibration' in result ? result.calibration : otherKind();
    },
    healthCheck: {
      dependency: 'workers',
      required: false,
      check: async () => {
        if (closed) return { status: 'down', detail: 'closed' };
        return health();
      },
    },
    close: async () => {
      closed = true;
      await Promise.all(Object.values(lanes).map((lane) => lane.close()));
    },
  };
};
