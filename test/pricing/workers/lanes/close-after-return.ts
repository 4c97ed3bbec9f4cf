import type { WorkKind } from '#src/pricing/workers/fair-queue.ts';
import { call, setup } from '../../setup.ts';

/**
 * A program that closes its pool while a returned task is in the pipe. With the argument `warm` the lane to which the task goes next has a
 * process by then.
 */
const { workers, metrics } = setup();
const run = async (rows: readonly object[], kind: WorkKind): Promise<string> => {
  const bytes = Buffer.from(JSON.stringify({ options: rows }));
  const request = { bytes, input: 'json', answer: ['json'], jsonDepth: 20 } as const;
  return workers.run(request, { caller: 'a', kind, maxMs: 1e9 }).then(
    () => 'ok',
    (error: unknown) => (error as { code: string }).code,
  );
};
const slow = { ...call, model: 'binomial_lr', exercise_style: 'american', steps: 5_001 };
await run([call], 'batch');
if (process.argv[2] === 'warm') await run([call], 'job');
// Some seconds of work, more than the lane for short work may do, which is known when the process has read the rows.
const returned = run(
  Array.from({ length: 200 }, () => slow),
  'batch',
);
// The process has sent the reply before this program reads again. Nothing may be read meanwhile, so no condition can be awaited.
await new Promise(setImmediate);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
await workers.close();
const code = await returned;
console.log(`${code}, returned: ${metrics.value('volwatch_workers_returned_total')}`);
