import type { ExecutionContext } from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PricingWorkersDeps } from '#src/pricing/workers/pool.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, setup } from '../setup.ts';

export const slowTree = { model: 'binomial_lr', exercise_style: 'american', steps: 1_501 };
/** What the pricing processes of the service run. */
export const program = new URL('../../../src/pricing/workers/worker.ts', import.meta.url).href;
/** A worker that fails in the way that the symbol of its first row names. */
const filename = new URL('bad-worker.ts', import.meta.url).href;

export const start = (t: ExecutionContext, options: Partial<PricingWorkersDeps> = {}) => {
  const parts = setup({ workers: { filename, cancelGraceMs: 50, heapMegabytes: 64, shortWorkMs: 1e9, ...options } });
  t.teardown(parts.workers.close);
  const { workers, metrics } = parts;
  /** A batch of one; its symbol says what shall happen. */
  const run = async (what = '', signal?: AbortSignal) => {
    const row = { ...call, ...(what && { symbol: what }) };
    // Some seconds of work, which heeds its cancellation.
    const options = what === 'slow' ? Array.from({ length: 3_000 }, () => ({ ...row, ...slowTree })) : [row];
    const bytes = Buffer.from(JSON.stringify({ options }));
    const work = { signal, caller: 'caller', kind: 'batch', maxMs: 1e9 } as const;
    return workers.run({ bytes, input: 'json', answer: ['json'], jsonDepth: 20 }, work);
  };
  const code = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'ok',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );
  const until = (name: string, value: number): Promise<void> =>
    eventually(
      () => metrics.value(name) === value,
      () => `${name} is ${value}, now ${metrics.value(name)}`,
    );
  const health = async () => (await workers.healthCheck.check(new AbortController().signal)).status;
  return { ...parts, run, code, until, health };
};

/** With coverage V8 counts each pass of a loop, also in pricing processes: a tree takes about twenty times as long, and more beside other files. */
export const withCoverage = (milliseconds: number): number =>
  process.env['NODE_V8_COVERAGE'] === undefined ? milliseconds : 60 * milliseconds;
