import type { Steps } from '#src/kernel/streams/turns.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import { freeBytes } from '#src/kernel/streams/free-bytes.ts';
import type { PreparedBatch } from '../batch/prepared-batch.ts';
import { prepareSteps } from '../batch/prepare-batch.ts';
import type { Calibration } from '../calibration/calibration.ts';
import { openCalibration, type CalibrationRequest } from '../calibration/calibration-task.ts';
import { estimateForecast, forecastOf, readCloses, type ForecastRequest } from '../forecast/forecast-task.ts';
import type { VolatilityForecaster } from '../forecast/volatility-forecast.ts';
import { checkWork, checkWorkDone, uncertainRowMs, type WorkEstimate } from '../models/cost.ts';
import type { SearchWatch } from '../models/search-watch.ts';
import { SlowCalculation } from '../models/slow-calculation.ts';
import { threadMs } from '../models/thread-ms.ts';
import type { EngineFactory } from '../models/engine-factory.ts';
import { createSlices } from '../batch/slices.ts';
import { briefMs, hasLongAnswer, isReturnedFor } from './lanes/lane-task.ts';
import { coldMs } from './lanes/task-times.ts';
import { headOfOutcome, outcomeSteps, refusalOf } from './protocol.ts';
import type { BatchOutcome, FromWorker, Marked, TaskMessage, TaskSummary, WorkerReply } from './protocol.ts';

const now = (): number => performance.timeOrigin + performance.now();
const progressEveryMs = 100;
/**
 * A task that has run for this multiple of `handBackMs` was underestimated, and is returned too. After the same multiple of
 * `maxMs` it is refused, because an estimate that is too low must not give a caller more than its limit.
 */
const estimateTolerance = 4;
/** A slow processor takes three times as long as the estimate (docs/decisions/0244). */
const rowTolerance = 3;

type Answer = { readonly reply: WorkerReply; readonly chunks?: readonly Uint8Array[] };
export type OpenTask = {
  readonly id: number;
  readonly isJob: boolean;
  /** Works for `turnMs`, or one row if that takes longer. @returns the answer if the task is finished */
  readonly work: (turnMs: number) => Promise<Answer | undefined>;
  readonly cancel: () => void;
  /** Makes the message for a reply. */
  readonly replied: (reply: WorkerReply) => FromWorker;
};

export type OpenTaskDeps = {
  readonly engines: EngineFactory;
  readonly forecastVolatility: VolatilityForecaster;
  /** Watches the searches of `engines`. */
  readonly searches: Pick<SearchWatch, 'allow'>;
  readonly send: (message: FromWorker) => void;
  /** Whether this process has done so little work that its code is not compiled yet. */
  readonly isCold?: () => boolean;
  /** Collects the garbage of this process. */
  readonly collect?: () => void;
  /** Called before the batch is opened, to apply injected faults. */
  readonly before?: ((task: TaskMessage, body: Uint8Array) => void) | undefined;
};

/**
 * One task in a pricing process. The first turn of a batch reads the envelope and prices as many rows as it has time for;
 * the next turns price the others. A long Arrow stream takes several turns to read. A forecast takes one turn. A
 * calibration calculates prices in each turn.
 */
export const createOpenTask = (task: TaskMessage, body: Uint8Array, deps: OpenTaskDeps): OpenTask => {
  const { engines, searches, forecastVolatility, send, isCold = () => false, collect = () => {}, before } = deps;
  const { id, request, limits } = task;
  const { handBackMs = Infinity } = limits;
  const startedAt = now();
  let bytes: Uint8Array | undefined = body;
  let cancelled = false;
  let batch: PreparedBatch | undefined;
  let reading: ReturnType<typeof prepareSteps> | undefined;
  let preparing: ReturnType<NonNullable<PreparedBatch['prepare']>> | undefined;
  let slices: ReturnType<typeof createSlices> | undefined;
  let writing: ReturnType<typeof outcomeSteps> | undefined;
  let calibrating: Steps<Calibration> | undefined;
  let workedMs = 0;
  let reportedMs = 0;
  let maxTurnMs = 0;
  /** Processor time of the rows, of the fit or of the forecast. The estimate does not know the time to read the body. */
  let busyMs = 0;
  const allowedMs = isCold() ? coldMs : briefMs;
  let expectedMs = 0;
  let summary: TaskSummary | undefined;
  /** Expected time of the slowest row. */
  let maxRowMs = 0;

  const report = (): number => {
    const since = workedMs - reportedMs;
    reportedMs = workedMs;
    return since;
  };

  /** @returns the answer if this process must not do the work */
  const announce = (estimate: WorkEstimate, facts: Omit<TaskSummary, keyof WorkEstimate>): Answer | undefined => {
    ({ maxRowMs, totalMs: expectedMs } = estimate);
    summary = { ...estimate, ...facts };
    send({ type: 'opened', id, summary });
    checkWork(estimate, limits.maxMs);
    return isReturnedFor(summary, limits) ? { reply: { handedBack: 'estimate' } } : undefined;
  };

  /** Reads the body of a batch, until the turn is over. */
  const readBatch = async (steps: ReturnType<typeof prepareSteps>, isJson: boolean, until: number): Promise<void> => {
    let next: Awaited<ReturnType<typeof steps.next>>;
    do next = await steps.next();
    while (next.done !== true && performance.now() < until);
    if (next.done !== true) return;
    reading = undefined;
    batch = next.value;
    // The columns of an Arrow body are views of its bytes. A JSON body is not needed any more.
    if (isJson) freeBytes(bytes!);
    bytes = undefined;
    preparing = batch.prepare?.();
  };

  const forecast = (given: ForecastRequest): Answer => {
    const closes = readCloses(bytes!);
    const estimate = estimateForecast(given.method, closes.length);
    const refused = announce(estimate, { format: 'forecast', rows: closes.length, answerBytes: 0 });
    if (refused !== undefined) return refused;
    const begunMs = threadMs();
    const made = forecastOf(forecastVolatility, given, closes);
    busyMs += threadMs() - begunMs;
    return { reply: { forecast: made, ...mark() } };
  };

  const startCalibration = (given: CalibrationRequest): Answer | undefined => {
    const { quotes, estimate, steps } = openCalibration(given, bytes!, limits.maxMs, () => workedMs);
    bytes = undefined;
    calibrating = steps;
    return announce(estimate, { format: 'calibration', rows: quotes, answerBytes: 0 });
  };

  /** @returns the answer if the task has taken so much longer than its estimate that this process must not go on */
  const checkWorked = (): Answer | undefined => {
    if (workedMs > handBackMs * estimateTolerance) return { reply: { handedBack: 'time' } };
    checkWorkDone(workedMs, limits.maxMs * estimateTolerance);
    return undefined;
  };

  const isUnderestimated = (): boolean => busyMs > Math.max(allowedMs, rowTolerance * expectedMs);
  const mark = (): Marked => (isUnderestimated() ? { isUnderestimated: true } : {});

  /**
   * As `checkWorked`. In the lane for short work a task must keep to its own estimate too, because brief tasks have places of their
   * own there. Processor time counts, because a busy machine makes no task longer.
   */
  const checkEstimate = (): Answer | undefined =>
    limits.keepsEstimate === true && isUnderestimated() ? { reply: { handedBack: 'time' } } : checkWorked();

  const calibrate = (steps: Steps<Calibration>, until: number): Answer | undefined => {
    const begunMs = threadMs();
    let next: ReturnType<typeof steps.next>;
    do next = steps.next();
    while (next.done !== true && performance.now() < until);
    busyMs += threadMs() - begunMs;
    return next.done === true ? { reply: { calibration: next.value, ...mark() } } : checkEstimate();
  };

  /** @returns the answer if there is one already */
  const open = async (until: number): Promise<Answer | undefined> => {
    if (reading === undefined) before?.(task, bytes!);
    if (request.input === 'closes') return forecast(request);
    if (request.input === 'quotes') return startCalibration(request);
    reading ??= prepareSteps({ ...request, bytes: bytes! }, engines, task.isLargeText ? collect : undefined);
    await readBatch(reading, request.input === 'json', until);
    return undefined;
  };

  /** @returns the answer if this process must not price the batch; `later` if the turn is over */
  const begin = (opened: PreparedBatch, until: number): Answer | 'later' | undefined => {
    while (preparing !== undefined) {
      if (preparing.next().done === true) preparing = undefined;
      else if (performance.now() >= until) return 'later';
    }
    const estimate = opened.estimate();
    const { format, size: rows, answerBytes } = opened;
    const refused = announce(estimate, { format, rows, answerBytes });
    if (refused !== undefined) return refused;
    slices = createSlices(opened, estimate);
    return undefined;
  };

  const step = async (turnMs: number): Promise<Answer | undefined> => {
    if (cancelled) return { reply: { cancelled: true } };
    const until = performance.now() + turnMs;
    // A small batch is read, priced and written in one turn. So the first of two batches ends before the second.
    if (batch === undefined && calibrating === undefined) {
      const answer = await open(until);
      if (answer !== undefined) return answer;
    }
    if (calibrating !== undefined) return calibrate(calibrating, until);
    return batch === undefined ? checkWorked() : stepBatch(batch, turnMs, until);
  };

  const stepBatch = (opened: PreparedBatch, turnMs: number, until: number): Answer | undefined => {
    if (slices === undefined) {
      const answer = begin(opened, until);
      if (answer === 'later') return checkWorked();
      if (slices === undefined) return answer;
      // The service must know about a slow row before it starts, because the process is silent during it.
      if (maxRowMs > turnMs) return undefined;
    }
    priceUntil(until, slices);
    if (!slices.isDone()) return checkEstimate();
    const outcome = write(until);
    if (outcome === undefined) return undefined;
    return (
      checkAnswer(byteLengthOf(outcome.chunks)) ?? {
        reply: { outcome: headOfOutcome(outcome), ...mark() },
        chunks: outcome.chunks,
      }
    );
  };

  /** Processor time after which the search of one row ends, however long the rows before it took: `checkEstimate` is for their sum. */
  const maxSearchMs = (): number => {
    if (limits.keepsEstimate !== true) return Infinity;
    return Math.max(allowedMs, rowTolerance * Math.max(maxRowMs, summary?.isUncertain ? uncertainRowMs : 0));
  };

  /** Prices rows. Each turn makes progress, also one that the reading of the body has used up. */
  const priceUntil = (until: number, { isDone, next }: ReturnType<typeof createSlices>): void => {
    if (isDone()) return;
    const searchMs = maxSearchMs();
    const begunMs = threadMs();
    try {
      do {
        searches.allow(searchMs);
        // With a search, this is one row.
        next();
      } while (!isDone() && performance.now() < until);
    } finally {
      busyMs += threadMs() - begunMs;
    }
  };

  /**
   * Returns a task whose answer became longer than a place for brief tasks allows, because of its errors or warnings. Its rows are priced again in
   * a place for large tasks.
   */
  const checkAnswer = (answerBytes: number): Answer | undefined => {
    if (limits.isForBrief !== true || !hasLongAnswer({ answerBytes })) return undefined;
    send({ type: 'opened', id, summary: { ...summary!, answerBytes } });
    return { reply: { handedBack: 'answer' } };
  };

  /** Writes a part of the answer: an answer of 30 MB takes 0.3 s, and other tasks of the process must not wait for it. */
  const write = (until: number): BatchOutcome | undefined => {
    writing ??= outcomeSteps(batch!, workedMs);
    do {
      const step = writing.next();
      if (step.done === true) return step.value;
    } while (performance.now() < until);
    return undefined;
  };

  /**
   * The values of a large text are garbage before its answer is sent, because another process may read the next one then. The time counts for the
   * caller.
   */
  const forget = (): void => {
    bytes = batch = reading = preparing = slices = writing = undefined;
    collect();
  };

  return {
    id,
    isJob: task.isJob ?? false,
    cancel: () => {
      cancelled = true;
    },
    work: async (turnMs) => {
      const begun = performance.now();
      const answer = await step(turnMs).catch((error: unknown): Answer => {
        if (error instanceof SlowCalculation) return { reply: { handedBack: 'row' } };
        if (error instanceof AppError) return { reply: { refusal: refusalOf(error) } };
        return { reply: { failure: error instanceof Error ? (error.stack ?? error.message) : 'no Error was thrown' } };
      });
      if (answer !== undefined && task.isLargeText === true) forget();
      const tookMs = performance.now() - begun;
      workedMs += tookMs;
      maxTurnMs = Math.max(maxTurnMs, tookMs);
      if (answer === undefined && workedMs - reportedMs >= progressEveryMs) {
        send({ type: 'progress', id, workedMs: report(), maxTurnMs });
      }
      return answer;
    },
    replied: (reply) => ({
      type: 'reply',
      id,
      reply,
      span: { startedAt, endedAt: now(), pid: process.pid },
      workedMs: report(),
      maxTurnMs,
      residentBytes: process.memoryUsage.rss(),
    }),
  };
};
