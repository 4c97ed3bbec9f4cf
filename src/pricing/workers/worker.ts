import { threadId } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { AppError } from '#src/kernel/errors.ts';
import type { LentFault } from '#src/kernel/faults.ts';
import { openBatch } from '../batch-job.ts';
import { createEngineFactory } from '../engine-factory.ts';
import { control, outcomeOfJob, refusalOf, runSlices, type WorkerReply, type WorkerTask } from './protocol.ts';

/** Runs in a worker thread: bytes of a request in, bytes of its answer out, nothing of it cloned. */

const engines = createEngineFactory();
const now = (): number => performance.timeOrigin + performance.now();

/** Stands still as a thread in a bad loop does: deaf to whoever wants it to stop, but it can be ended. */
const standStill = (milliseconds?: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, milliseconds);
};

const feel = ({ mode, delayMs, errorCode }: LentFault): void => {
  if (delayMs > 0) standStill(delayMs);
  if (mode === 'hang') standStill();
  else if (mode === 'crash') process.exit(1);
  else if (mode === 'error') throw new AppError(errorCode, 'Injected fault at pricing.worker');
};

const work = async ({ request, control: cells, fault }: WorkerTask): Promise<WorkerReply> => {
  const startedAt = now();
  const started = performance.now();
  Atomics.store(cells, control.started, 1);
  /** Asked between two slices: whoever asks has got on. */
  const stopped = (): boolean => {
    Atomics.add(cells, control.progress, 1);
    return Atomics.load(cells, control.cancelled) === 1;
  };
  const span = () => ({ startedAt, endedAt: now(), threadId });
  if (stopped()) return { cancelled: true, span: span() };
  try {
    if (fault !== undefined) feel(fault);
    const job = await openBatch(request, engines);
    if (!(await runSlices(job, stopped))) return { cancelled: true, span: span() };
    const outcome = await outcomeOfJob(job, started);
    return { outcome, span: span() };
  } catch (error) {
    if (error instanceof AppError) return { refusal: refusalOf(error), span: span() };
    throw error;
  }
};

/** What the pool calls. */
export const priceBatch = async (task: WorkerTask): Promise<unknown> => {
  const reply = await work(task);
  if (!('outcome' in reply)) return reply;
  const buffers = new Set(reply.outcome.chunks.map(({ buffer }) => buffer));
  return move({ [transferableSymbol]: [...buffers], [valueSymbol]: reply });
};
