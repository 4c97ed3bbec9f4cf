import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { control, type WorkerTask } from '#src/pricing/workers/protocol.ts';
import { priceBatch as work } from '#src/pricing/workers/worker.ts';

/** The worker, and what may happen to it: the body says which. */
export const priceBatch = async (task: WorkerTask): Promise<unknown> => {
  const text = Buffer.from(task.request.bytes).toString();
  if (text.includes('"exit"')) process.exit(7);
  if (text.includes('"throw"')) throw new TypeError('not ours');
  if (text.includes('"memory"')) {
    const hoard: number[][] = [];
    for (;;) hoard.push(Array.from({ length: 100_000 }, Math.random));
  }
  if (Atomics.load(task.control, control.cancelled) === 1) return work(task);
  if (text.includes('"hang"')) {
    Atomics.store(task.control, control.started, 1);
    for (;;);
  }
  if (text.includes('"slow"')) {
    Atomics.store(task.control, control.started, 1);
    const span = { startedAt: 0, endedAt: 0, threadId };
    while (Atomics.load(task.control, control.cancelled) === 0) await sleep(5);
    return { cancelled: true, span };
  }
  return work(task);
};
