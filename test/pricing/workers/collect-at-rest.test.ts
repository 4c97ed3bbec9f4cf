import test from 'ava';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { createVolatilityForecaster } from '#src/pricing/forecast/volatility-forecast.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createSearchWatch } from '#src/pricing/models/search-watch.ts';
import { createOpenTask } from '#src/pricing/workers/open-task.ts';
import { createCollectAtRest } from '#src/pricing/workers/serve.ts';
import { eventually } from '#testkit/eventually.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { call } from '../setup.ts';

test('memory that stays after a collection of the last resort is no reason for the next one', (t) => {
  let residentBytes = 100 * mebibyte;
  const collected: string[] = [];
  const rest = createCollectAtRest({
    collect: (flavor) => void collected.push(flavor ?? 'ordinary'),
    residentBytes: () => residentBytes,
  });
  const collectionsAt = (megabytes: number): readonly string[] => {
    residentBytes = megabytes * mebibyte;
    rest();
    return collected.splice(0);
  };
  t.deepEqual(collectionsAt(130), ['ordinary']);
  t.deepEqual(collectionsAt(200), ['ordinary', 'last-resort']);
  // It is in use: nothing was given back.
  t.deepEqual(collectionsAt(200), ['ordinary']);
  t.deepEqual(collectionsAt(230), ['ordinary']);
  t.deepEqual(collectionsAt(240), ['ordinary', 'last-resort']);
  // It is not in use any more.
  t.deepEqual(collectionsAt(90), ['ordinary']);
  t.deepEqual(collectionsAt(140), ['ordinary', 'last-resort']);
});

const collectGarbage = createCollectGarbage();
const heapUsed = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

/** Runs a batch. @returns the number of collections, the counted time, and the growth of the heap */
const runBatch = async (text: string, isLargeText: boolean) => {
  const before = heapUsed();
  let collections = 0;
  const task = createOpenTask(
    {
      type: 'task',
      id: 1,
      isLargeText,
      request: { input: 'json', answer: ['json'], jsonDepth: 20 },
      limits: { maxMs: 60_000 },
    },
    Buffer.from(text),
    {
      engines: createEngineFactory(),
      searches: createSearchWatch(),
      forecastVolatility: createVolatilityForecaster(),
      send: () => {},
      collect: () => {
        collections += 1;
        // Longer than the batch takes.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
      },
    },
  );
  let answer = await task.work(1);
  while (answer === undefined) answer = await task.work(1);
  const { workedMs } = task.replied(answer.reply) as { workedMs: number };
  return { task, collections, workedMs, growth: () => heapUsed() - before };
};
const batchText = JSON.stringify({
  options: Array.from({ length: 20_000 }, (_, row) => ({ ...call, id: `row ${row}`.padEnd(400, 'x') })),
});

test.serial(
  'the values of a large text are collected before its answer, and the time counts for its caller',
  async (t) => {
    const { task, collections, workedMs, growth } = await runBatch(batchText, true);
    t.is(collections, 1);
    t.true(workedMs >= 3_000, `${workedMs} ms`);
    // The texts alone have 8 MB. A compilation in another thread can hold them somewhat longer.
    await eventually(
      () => growth() < 4 * mebibyte,
      () => `the ended task holds ${growth()} bytes`,
    );
    t.is(task.id, 1, 'it is still referenced');
  },
);

test.serial('other batches end without a collection, because brief tasks would wait for it', async (t) => {
  t.is((await runBatch(batchText, false)).collections, 0);
});

test.serial('a large text that is no JSON is collected too', async (t) => {
  const { collections } = await runBatch(`${batchText.slice(0, -2)},{"id":nul}]}`, true);
  t.is(collections, 2, 'before the fault is found, and at the end');
});
