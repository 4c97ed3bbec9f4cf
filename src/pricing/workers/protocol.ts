import type { Steps } from '#src/kernel/streams/turns.ts';
import { computationTime } from '../request/computation-time.ts';
import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import { AppError, type ErrorCode, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { TakenFault } from '#src/kernel/catalogue/faults.ts';
import type { ReturnReason } from '#src/kernel/catalogue/pricing-models.ts';
import type { BatchFormat, PreparedBatch, BatchRequest, Transport } from '../batch/prepared-batch.ts';
import type { Outcome, TallyData } from '../batch/batch-tally.ts';
import type { Calibration } from '../calibration/calibration.ts';
import type { CalibrationRequest } from '../calibration/calibration-task.ts';
import type { ForecastRequest } from '../forecast/forecast-task.ts';
import type { VolatilityForecast } from '../forecast/volatility-forecast.ts';
import type { WorkEstimate } from '../models/cost.ts';

/** The result of pricing a batch, in the service or in a process. */
export type BatchOutcome = {
  readonly format: BatchFormat;
  readonly answer: Transport;
  readonly size: number;
  readonly tally: TallyData;
  readonly thrown: Refusal | undefined;
  readonly chunks: readonly Uint8Array[];
};

type Cause = { readonly name: string; readonly message: string; readonly stack: string | undefined };
/** An AppError as data. */
export type Refusal = {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly errorsTotal?: number;
  readonly abuse?: AbuseKind;
  readonly cause?: Cause;
};

const causeOf = (cause: unknown): Cause =>
  cause instanceof Error
    ? { name: cause.name, message: cause.message, stack: cause.stack }
    : { name: 'Error', message: 'thrown without an Error', stack: undefined };

export const refusalOf = ({ code, message, errors, errorsTotal, abuse, cause }: AppError): Refusal => ({
  code,
  detail: message,
  ...(errors && { errors, errorsTotal }),
  ...(abuse && { abuse }),
  ...(cause !== undefined && { cause: causeOf(cause) }),
});

export const errorOf = ({ code, detail, errors, errorsTotal, abuse, cause }: Refusal): AppError =>
  new AppError(code, detail, {
    ...(errors && { errors }),
    ...(errorsTotal !== undefined && { errorsTotal }),
    ...(abuse && { abuse }),
    ...(cause && { cause: Object.assign(new Error(cause.message), cause) }),
  });

/** Maps and sets as lists, for JSON. */
type TallyLists = {
  readonly byModel: readonly (readonly [string, Readonly<Record<Outcome, number>>])[];
  readonly notConverged: readonly (readonly [string, number])[];
  readonly styles: readonly string[];
  readonly failures: readonly (readonly [ErrorCode, number])[];
  readonly firstFailures: TallyData['firstFailures'];
};
/** An outcome without its chunks, which are the body of the frame. */
export type OutcomeHead = Omit<BatchOutcome, 'chunks' | 'tally'> & { readonly tally: TallyLists };

export const headOfOutcome = ({ format, answer, size, thrown, tally }: BatchOutcome): OutcomeHead => ({
  format,
  answer,
  size,
  thrown,
  tally: {
    byModel: [...tally.byModel],
    notConverged: [...tally.notConverged],
    styles: [...tally.styles],
    failures: [...tally.failures],
    firstFailures: tally.firstFailures,
  },
});

/** @param chunks the body of the frame, in the pieces in which it arrived */
export const outcomeOfHead = ({ tally, ...rest }: OutcomeHead, chunks: readonly Uint8Array[]): BatchOutcome => ({
  ...rest,
  thrown: rest.thrown,
  tally: {
    byModel: new Map(tally.byModel),
    notConverged: new Map(tally.notConverged),
    styles: new Set(tally.styles),
    failures: new Map(tally.failures),
    firstFailures: tally.firstFailures,
  } as TallyData,
  chunks,
});

/** The outcome of a batch whose rows are priced. Writes its answer in small steps. */
export const outcomeSteps = function* (batch: PreparedBatch, computationTimeMs: number): Steps<BatchOutcome> {
  const thrown = batch.thrown();
  return {
    format: batch.format,
    answer: batch.answer,
    size: batch.size,
    tally: batch.tally,
    thrown: thrown && refusalOf(thrown),
    chunks: yield* batch.finish(computationTime(computationTimeMs)),
  };
};

/** File descriptor of the socket from a pricing process to the service. */
export const channelFd = 3;

/** Limits of the work of one task. */
export type WorkLimits = {
  /** Estimated milliseconds above which the task is refused. */
  readonly maxMs: number;
  /** Estimated milliseconds above which the process returns the task, so that a process for long work gets it. */
  readonly handBackMs?: number;
  /** Estimated milliseconds of a row above which the process returns the task. */
  readonly handBackRowMs?: number;
  /** Whether the task has a place for brief ones, so that the process also returns it when its answer will be long. */
  readonly isForBrief?: boolean;
  /** Whether the task is a chunk of a job that has a place for brief ones. */
  readonly isBriefChunk?: boolean;
  /** Whether the process also returns a task that takes several times its own estimate. */
  readonly keepsEstimate?: boolean;
};

/** What a process calculates. `input` tells the kinds apart; the bytes are the body of the task. */
type TaskRequest = Omit<BatchRequest, 'bytes'> | ForecastRequest | CalibrationRequest;

/** A chunk of a job gets a turn in each round of this number, while other tasks are open: nobody waits for it. */
export const jobRounds = 4;

export type TaskHead = {
  readonly id: number;
  readonly isJob?: boolean;
  /** See `isLargeText` of the lanes. */
  readonly isLargeText?: boolean;
  readonly request: TaskRequest;
  /** Injected by an operator; the process applies it. */
  readonly fault?: TakenFault;
};
export type TaskMessage = TaskHead & { readonly type: 'task'; readonly limits: WorkLimits };
/** The body of a `task` is the body of the request. */
export type ToWorker = TaskMessage | { readonly type: 'cancel'; readonly id: number };

/** Facts about a task that are known after its body is read. `rows` are the closes of a forecast, the quotes of a calibration. */
export type TaskSummary = WorkEstimate & {
  readonly format: BatchFormat | 'forecast' | 'calibration';
  readonly rows: number;
  /** Bytes of the answer: estimated, or counted when they are written. 0 for a forecast or a calibration, whose answers are short. */
  readonly answerBytes: number;
};

/** Start and end of the work in the process, in milliseconds since 1970. */
export type WorkerSpan = { readonly startedAt: number; readonly endedAt: number; readonly pid: number };
/** `isUnderestimated`: the work took several times its estimate. */
export type Marked = { readonly isUnderestimated?: true };
export type WorkerReply =
  | (Marked & { readonly outcome: OutcomeHead })
  | (Marked & { readonly forecast: VolatilityForecast })
  | (Marked & { readonly calibration: Calibration })
  | { readonly refusal: Refusal }
  | { readonly failure: string }
  | { readonly cancelled: true }
  | { readonly handedBack: ReturnReason };

type ReplyHead = {
  readonly type: 'reply';
  readonly id: number;
  readonly reply: WorkerReply;
  readonly span: WorkerSpan;
  /** Milliseconds of work since the last `progress`. */
  readonly workedMs: number;
  readonly maxTurnMs: number;
  readonly residentBytes: number;
};
/** The body of a `reply` is the answer to the request. */
export type FromWorker =
  /** The process has loaded its program. */
  | { readonly type: 'ready' }
  /** The process had no task for a while and has collected its garbage. */
  | { readonly type: 'rested'; readonly residentBytes: number }
  | { readonly type: 'started'; readonly id: number }
  | { readonly type: 'opened'; readonly id: number; readonly summary: TaskSummary }
  /** `maxTurnMs`: the longest turn of the task until now, which nothing could interrupt. */
  | { readonly type: 'progress'; readonly id: number; readonly workedMs: number; readonly maxTurnMs: number }
  | ReplyHead;
