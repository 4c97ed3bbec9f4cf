import { closeSync, openSync } from 'node:fs';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { WorkKind } from '#src/pricing/workers/fair-queue.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, setup } from '../../setup.ts';

/** A program that prices while it has no free file descriptor. Its limit of descriptors must be low. */
const { workers, metrics } = setup({ workers: { queueLimit: 100 } });
const run = async (kind: WorkKind, maxRowMs: number): Promise<string> => {
  const bytes = Buffer.from(JSON.stringify({ options: [call] }));
  const request = { bytes, input: 'json', answer: ['json'], jsonDepth: 20 } as const;
  const estimate = { totalMs: maxRowMs, maxRowMs, model: 'black_scholes' } as const;
  return workers.run(request, { caller: 'a', kind, maxMs: 1e9, estimate }).then(
    () => 'ok',
    (error: unknown) => (error instanceof AppError ? `${error.code}: ${error.message}` : String(error)),
  );
};
const health = async () => (await workers.healthCheck.check(new AbortController().signal)).status;
const failures = (): number => metrics.value('volwatch_workers_start_failures_total');

let files: number[] = [];
const takeDescriptors = (): void => {
  for (;;) {
    try {
      files.push(openSync('/dev/null', 'r'));
    } catch {
      return;
    }
  }
};
const freeDescriptors = (): void => {
  for (const file of files) closeSync(file);
  files = [];
};

takeDescriptors();
const short = run('batch', 1);
await eventually(() => failures() === 1, 'the first start has failed');
const state = await health();
freeDescriptors();
const first = await short;

// The lane for long work has no process yet.
takeDescriptors();
const before = failures();
const begun = performance.now();
const long = await Promise.all([run('batch', 2_000), run('single', 2_000)]);
const waitedMs = performance.now() - begun;
const tries = failures() - before;
const again = await run('batch', 2_000);
const waitedAgainMs = performance.now() - begun - waitedMs;
const beside = await run('batch', 1);
freeDescriptors();
let after = '';
await eventually(
  async () => {
    after = await run('batch', 2_000);
    return after === 'ok';
  },
  () => `the lane has a process: ${after}`,
);
await workers.close();
console.log(JSON.stringify({ state, first, long, waitedMs, tries, again, waitedAgainMs, beside, after }));
