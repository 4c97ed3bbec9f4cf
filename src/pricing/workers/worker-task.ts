import { AsyncLocalStorage } from 'node:async_hooks';
import { context, SpanStatusCode, type Attributes, type Tracer } from '@opentelemetry/api';
import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { ReturnReason } from '#src/kernel/catalogue/pricing-models.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { LaneName } from './lanes/lane-limits.ts';
import type { LaneTask } from './lanes/lane-task.ts';
import { errorOf, outcomeOfHead } from './protocol.ts';
import type { BatchOutcome, WorkerReply, WorkerSpan } from './protocol.ts';
import type { Calibration } from '../calibration/calibration.ts';
import type { VolatilityForecast } from '../forecast/volatility-forecast.ts';

/** The result of a task: one of a batch, of a forecast, or of a calibration. */
export type TaskResult =
  | { readonly batch: BatchOutcome }
  | { readonly forecast: VolatilityForecast }
  | { readonly calibration: Calibration };

export type PoolTask = LaneTask & {
  readonly outcome: Promise<TaskResult>;
  readonly reject: (error: AppError) => void;
  lane: LaneName;
  /** Must be called when no process needs the body any more: it has been read, or will not be sent. */
  readonly releaseBody: () => void;
  /** Writes a log line with facts about the task and the ids of its request. */
  readonly log: (level: 'error' | 'warn', fields: Readonly<Record<string, unknown>>, message: string) => void;
};

export type PoolTaskOptions = Pick<
  LaneTask,
  | 'caller'
  | 'network'
  | 'kind'
  | 'body'
  | 'parsedBytes'
  | 'head'
  | 'limits'
  | 'expectedMs'
  | 'expectedRowMs'
  | 'isUncertain'
> &
  Pick<PoolTask, 'lane' | 'releaseBody'> & {
    readonly tracer: Tracer;
    readonly logger: Logger;
    readonly metrics: Metrics;
    readonly isClosed: () => boolean;
    /** The process returned the task, because its work belongs in a lane for longer work. */
    readonly onHandedBack: (task: PoolTask, reason: ReturnReason) => void;
    /** The task has ended, and its rows took several times their estimate. */
    readonly onUnderestimated: (task: PoolTask) => void;
  };

/** Ends a task that no process has. */
export const refuse = (task: PoolTask, error: AppError): void => {
  task.reject(error);
  task.releaseBody();
};

const now = (): number => performance.timeOrigin + performance.now();

/** One request to the pool, from the queue to its outcome and its span. */
export const createPoolTask = (options: PoolTaskOptions): PoolTask => {
  const { caller, network, kind, body, head, tracer, logger, metrics, isClosed, releaseBody } = options;
  const { onHandedBack, onUnderestimated } = options;
  const parent = context.active();
  const inRequest = AsyncLocalStorage.snapshot();
  const queuedAt = now();
  const { promise: outcome, resolve, reject: rejectOutcome } = Promise.withResolvers<TaskResult>();

  // The process has no span exporter. So the service records the span, with the times that the process measured.
  const record = (startTime: number, endTime: number, attributes: Attributes, code?: ErrorCode): void => {
    const span = tracer.startSpan('pricing.worker', { startTime, attributes }, parent);
    let outcome: LabelsOf<'volwatch_workers_task_duration_seconds'>['outcome'] = 'ok';
    if (code !== undefined) {
      outcome = errorTable[code].status >= 500 ? 'failed' : 'refused';
      span.setAttribute('error.type', code);
      if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR });
    }
    context.with(parent, () =>
      metrics.observe(
        'volwatch_workers_task_duration_seconds',
        { lane: task.lane, outcome },
        Math.max(0, endTime - queuedAt) / 1_000,
      ),
    );
    span.end(endTime);
  };
  let settled = false;
  const reject = (error: AppError): void => {
    if (settled) return;
    settled = true;
    record(queuedAt, now(), {}, codeOf(error));
    rejectOutcome(error);
  };
  const ended = (detail: string, cause?: unknown): AppError =>
    isClosed()
      ? new AppError('shutting_down', undefined, { cause })
      : new AppError('internal_error', detail, { cause });

  const replied = (reply: WorkerReply, span: WorkerSpan, answer: readonly Uint8Array[]): void => {
    if (!('handedBack' in reply)) releaseBody();
    if (settled) return;
    if ('handedBack' in reply) {
      metrics.count('volwatch_workers_returned_total', { reason: reply.handedBack });
      return onHandedBack(task, reply.handedBack);
    }
    if ('failure' in reply) return reject(ended('The process that priced this failed', new Error(reply.failure)));
    if ('cancelled' in reply) return reject(new AppError('overloaded', undefined, { retryAfter: 1 }));
    settled = true;
    if ('isUnderestimated' in reply) onUnderestimated(task);
    const { startedAt, endedAt, pid } = span;
    const refusal = 'refusal' in reply ? errorOf(reply.refusal) : undefined;
    const waitedMs = Math.max(0, startedAt - queuedAt);
    record(startedAt, endedAt, { 'process.pid': pid, 'pricing.queue_ms': waitedMs }, refusal?.code);
    if (refusal) rejectOutcome(refusal);
    else if ('outcome' in reply) resolve({ batch: outcomeOfHead(reply.outcome, answer) });
    else if ('forecast' in reply) resolve({ forecast: reply.forecast });
    else if ('calibration' in reply) resolve({ calibration: reply.calibration });
  };

  const task: PoolTask = {
    caller,
    network,
    kind,
    head,
    body,
    limits: options.limits,
    lane: options.lane,
    releaseBody,
    bytes: body.byteLength,
    parsedBytes: options.parsedBytes,
    expectedMs: options.expectedMs,
    expectedRowMs: options.expectedRowMs,
    isUncertain: options.isUncertain,
    isUnderestimated: false,
    losses: 0,
    runsAlone: false,
    outcome,
    reject,
    replied,
    lost: (why) => {
      // It has taken far longer than its estimate, so the next task of its caller must not go beside short work.
      if (why === 'stalled' && !settled) onUnderestimated(task);
      reject(
        ended(why === 'stalled' ? 'The pricing process made no progress and was ended' : 'The pricing process ended'),
      );
    },
    log: (level, fields, message) => {
      const { summary } = task;
      const known = summary && {
        format: summary.format,
        rows: summary.rows,
        model: summary.model,
        estimated_ms: Math.round(summary.totalMs),
      };
      inRequest(() =>
        logger[level]({ ...fields, input: head.request.input, bytes: body.byteLength, ...known }, message),
      );
    },
  };
  return task;
};
