import type { AbuseKind } from '#src/kernel/abuse.ts';
import { AppError, type ErrorCode, type FieldError } from '#src/kernel/errors.ts';
import type { LentFault } from '#src/kernel/faults.ts';
import type { BatchFormat, BatchJob, BatchRequest, Transport } from '../batch-job.ts';
import type { TallyData } from '../batch-tally.ts';

/** What pricing a batch came to, wherever that was: plain data. */
export type BatchOutcome = {
  readonly format: BatchFormat;
  readonly answer: Transport;
  readonly size: number;
  readonly tally: TallyData;
  readonly thrown: Refusal | undefined;
  readonly chunks: readonly Uint8Array[];
};

/** An AppError as data. */
export type Refusal = {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly cause?: unknown;
  readonly abuse?: AbuseKind;
};

export const refusalOf = ({ code, message, errors, cause, abuse }: AppError): Refusal => ({
  code,
  detail: message,
  ...(errors && { errors }),
  ...(abuse && { abuse }),
  // An error of any class crosses as an Error; what else may have been thrown might not cross at all.
  ...(cause !== undefined && { cause: cause instanceof Error ? cause : new Error('thrown without an Error') }),
});

export const errorOf = ({ code, detail, errors, cause, abuse }: Refusal): AppError =>
  new AppError(code, detail, {
    ...(errors && { errors }),
    ...(abuse && { abuse }),
    ...(cause !== undefined && { cause }),
  });

/** Cells of the memory that both sides of a task see. */
export const control = { cancelled: 0, started: 1, progress: 2, cells: 3 } as const;

/** `request.bytes` is transferred, not copied. */
export type WorkerTask = {
  readonly request: BatchRequest;
  readonly control: Int32Array;
  /** Injected by an operator, for the thread to feel. */
  readonly fault?: LentFault;
};

/** When the worker worked, in milliseconds since 1970, and on which thread: its span. */
type WorkerSpan = { readonly startedAt: number; readonly endedAt: number; readonly threadId: number };
export type WorkerReply = { readonly span: WorkerSpan } & (
  | { readonly outcome: BatchOutcome }
  | { readonly refusal: Refusal }
  | { readonly cancelled: true }
);

const sliceMs = 4;

/**
 * Prices the rows in slices of some 4 ms, `pause` between two of them, until `stopped` says so.
 * @returns whether all rows were priced
 */
export const runSlices = async (
  job: BatchJob,
  stopped: () => boolean,
  pause?: () => Promise<unknown>,
): Promise<boolean> => {
  // One row of a slow model may take a second: the first says how many fit into a slice.
  let step = 1;
  for (let from = 0; from < job.size;) {
    if (stopped()) return false;
    const begun = performance.now();
    const to = Math.min(job.size, from + step);
    job.run(from, to);
    const took = performance.now() - begun;
    // A slice that took too long is halved.
    step = took > sliceMs ? Math.max(1, step >> 1) : took < sliceMs / 4 ? step * 2 : step;
    from = to;
    if (pause !== undefined && from < job.size) await pause();
  }
  return !stopped();
};

export const outcomeOfJob = async (job: BatchJob, started: number): Promise<BatchOutcome> => {
  const thrown = job.thrown();
  return {
    format: job.format,
    answer: job.answer,
    size: job.size,
    tally: { byModel: job.tally.byModel, notConverged: job.tally.notConverged, styles: job.tally.styles },
    thrown: thrown && refusalOf(thrown),
    chunks: await job.finish(performance.now() - started),
  };
};
