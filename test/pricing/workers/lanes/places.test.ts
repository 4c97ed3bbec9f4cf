import test, { type ExecutionContext } from 'ava';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import type { WorkEstimate } from '#src/pricing/models/cost.ts';
import type { WorkKind } from '#src/pricing/workers/fair-queue.ts';
import { call } from '../../setup.ts';
import { program, slowTree, start } from '../start-pool.ts';

test.serial('a small batch does not wait until a large one of another caller ends', async (t) => {
  const { workers } = start(t, { filename: program, heapMegabytes: 512, longProcesses: 1, processes: 1 });
  const ended: string[] = [];
  const run = async (name: string, body: object): Promise<void> => {
    const request = {
      input: 'json',
      answer: ['json'],
      jsonDepth: 20,
      bytes: Buffer.from(JSON.stringify(body)),
    } as const;
    await workers.run(request, { caller: name, kind: 'batch', maxMs: 60_000 });
    ended.push(name);
  };
  const strike = Array.from({ length: 100_000 }, (_, row) => 60 + row / 1_000);
  const outputs = ['price', 'delta', 'gamma', 'vega', 'theta', 'rho', 'vanna', 'volga', 'charm', 'speed'];
  // The answers have 20 MB each.
  const large = { columns: { ...call, strike }, outputs };
  const small = { options: Array.from({ length: 1_000 }, () => call) };
  await run('first', small);
  await Promise.all([run('a', large), run('b', large), run('c', large), run('small', small)]);
  t.deepEqual(ended.slice(0, 2), ['first', 'small']);
});

test.serial('a small batch waits for few slow rows of other callers, however many of them have one', async (t) => {
  const { workers } = start(t, {
    filename: program,
    heapMegabytes: 512,
    longProcesses: 1,
    processes: 1,
    shortWorkMs: 1_000,
    queueLimit: 64,
  });
  const ended: string[] = [];
  const run = async (name: string, options: readonly object[]): Promise<void> => {
    const bytes = Buffer.from(JSON.stringify({ options }));
    const request = { input: 'json', answer: ['json'], jsonDepth: 20, bytes } as const;
    await workers.run(request, { caller: name, kind: 'batch', maxMs: 60_000 });
    ended.push(name);
  };
  const small = Array.from({ length: 1_000 }, () => call);
  await run('first', small);
  // About 0.1 s for the one row.
  const dividends = Array.from({ length: 700 }, (_, number) => ({ time: 10 - number * 1e-5, amount: 0.05 }));
  const model = 'finite_difference';
  const slow = [{ ...call, model, exercise_style: 'american', time_to_expiry: 10, dividends }];
  const callers = Array.from({ length: 12 }, (_, number) => `slow ${number}`);
  await Promise.all([...callers.map((name) => run(name, slow)), run('small', small)]);
  t.true(ended.indexOf('small') <= 3, ended.join(', '));
});

/** About 64 ms for the one row. */
const slowRow = { ...call, ...slowTree, steps: 8_001 };

const startMedium = (t: ExecutionContext) => {
  const options = { heapMegabytes: 512, longProcesses: 1, processes: 1, shortWorkMs: 500, queueLimit: 64 };
  const { workers } = start(t, { filename: program, ...options });
  const stopped = new AbortController();
  const ended: string[] = [];
  /** @param estimate undefined as for chunks of jobs, whose work is known when a process has read them */
  const run = async (name: string, kind: WorkKind, rows: readonly object[], estimate?: WorkEstimate): Promise<void> => {
    const bytes = Buffer.from(JSON.stringify({ options: rows }));
    const request = { input: 'json', answer: ['json'], jsonDepth: 20, bytes } as const;
    const work = { caller: name, kind, maxMs: 60_000, signal: stopped.signal, ...(estimate && { estimate }) };
    await workers.run(request, work);
    ended.push(name);
  };
  const single = async (name: string): Promise<void> =>
    run(name, 'single', [slowRow], { totalMs: 64, maxRowMs: 64, model: 'binomial_lr' });
  return { run, single, ended, stop: () => stopped.abort() };
};

test.serial(
  'a single option with a slow row does not wait for batches of seconds, nor for chunks of jobs',
  async (t) => {
    const { run, single, ended, stop } = startMedium(t);
    const rows = Array.from({ length: 80 }, () => ({ ...slowRow, steps: 5_001 }));
    const work = [
      ...['a', 'b', 'c'].map((name) =>
        run(name, 'batch', rows, { totalMs: 2_000, maxRowMs: 25, model: 'binomial_lr' }),
      ),
      ...['d', 'e'].map((name) => run(name, 'job', rows)),
    ];
    const settled = Promise.allSettled(work);
    await single('single');
    t.deepEqual(ended, ['single']);
    stop();
    await settled;
  },
);

test.serial('single options with slow rows and batches of medium work do not wait for each other', async (t) => {
  const { run, single, ended } = startMedium(t);
  const rows = Array.from({ length: 8 }, () => slowRow);
  const singles = Array.from({ length: 40 }, (_, number) => `single ${number}`);
  await Promise.all([
    ...['a', 'b', 'c'].map((name) => run(name, 'batch', rows, { totalMs: 520, maxRowMs: 64, model: 'binomial_lr' })),
    ...singles.map((name) => single(name)),
  ]);
  t.regex(ended[0]!, /^single/, ended.join(', '));
  t.regex(ended.at(-1)!, /^single/, ended.join(', '));
});

test.serial('a batch whose errors make its answer long is answered from a place for large tasks', async (t) => {
  const { workers, metrics } = start(t, { filename: program, heapMegabytes: 512, shortWorkMs: 500 });
  const volatility = Array.from({ length: 9_000 }, () => -1);
  const bytes = Buffer.from(JSON.stringify({ columns: { ...call, volatility } }));
  const request = { input: 'json', answer: ['json'], jsonDepth: 20, bytes } as const;
  let answerBytes = 0;
  const { size, chunks } = await workers.run(request, {
    caller: 'a',
    kind: 'batch',
    maxMs: 60_000,
    onSummary: (summary) => {
      ({ answerBytes } = summary);
    },
  });
  t.is(size, 9_000);
  t.is(metrics.value('volwatch_workers_returned_total', { reason: 'answer' }), 1);
  // The estimate is 360 KB, and the first run has counted the bytes. Both answers differ in the digits of their computation time.
  t.true(Math.abs(answerBytes - byteLengthOf(chunks)) < 20, `${answerBytes} bytes`);
});

for (const [title, kind] of [
  ['a long batch does not wait for the chunks of jobs, which can take minutes', 'job'],
  ['work of a second does not wait for work of half a minute', 'batch'],
] as const) {
  test.serial(title, async (t) => {
    const { workers } = start(t, {
      filename: program,
      heapMegabytes: 512,
      longProcesses: 1,
      processes: 1,
      shortWorkMs: 100,
    });
    const stopped = new AbortController();
    t.teardown(() => stopped.abort());
    const requestOf = (rows: number, steps: number) => ({
      input: 'json' as const,
      answer: ['json'] as const,
      jsonDepth: 20,
      bytes: Buffer.from(
        JSON.stringify({ options: Array.from({ length: rows }, () => ({ ...call, ...slowTree, steps })) }),
      ),
    });
    const long = Array.from({ length: 5 }, (_, owner) =>
      t.throwsAsync(
        workers.run(requestOf(500, 10_001), { caller: `owner ${owner}`, kind, maxMs: 1e9, signal: stopped.signal }),
      ),
    );
    // About 0.2 s: on a busy machine more than four seconds would go beside the long work.
    const { size } = await workers.run(requestOf(8, 5_001), { caller: 'client', kind: 'batch', maxMs: 1e9 });
    t.is(size, 8);
    stopped.abort();
    await Promise.all(long);
  });
}
