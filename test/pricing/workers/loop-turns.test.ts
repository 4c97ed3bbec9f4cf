import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { createLoopTurns } from '#src/pricing/workers/loop-turns.ts';
import { createSlices, runSlices } from '#src/pricing/batch/slices.ts';

/** Works that record their start and end. The clock moves only by work. */
const start = () => {
  let time = 0;
  const events: string[] = [];
  const pause = async (): Promise<void> => {
    events.push('pause');
    await nextTurn();
  };
  const turns = createLoopTurns({ pause, now: () => time });
  const run = async (caller: string, name: string, milliseconds = 1, fails = false): Promise<void> =>
    turns.run({ caller, kind: 'batch', expectedMs: milliseconds }, async () => {
      events.push(`${name} starts`);
      await nextTurn();
      time += milliseconds;
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const ends = (): string[] => events.filter((event) => event.endsWith('ends')).map((event) => event.slice(0, -5));
  return { run, events, ends };
};

test('a batch ends before the next one starts, in the order of arrival', async (t) => {
  const { run, events } = start();
  await Promise.all([run('a', 'a1'), run('a', 'a2'), run('a', 'a3')]);
  t.deepEqual(events, ['a1 starts', 'a1 ends', 'a2 starts', 'a2 ends', 'a3 starts', 'a3 ends']);
});

test('callers take turns on the event loop; work without competition is no debt', async (t) => {
  const { run, ends } = start();
  for (const name of ['alone 1', 'alone 2']) await run('a', name);
  await Promise.all([run('a', 'a1'), run('a', 'a2'), run('a', 'a3'), run('b', 'b1'), run('b', 'b2')]);
  t.deepEqual(ends().slice(2), ['a1', 'b1', 'a2', 'b2', 'a3']);
});

test('the event loop does other work after 4 ms of batches', async (t) => {
  const { run, events } = start();
  await Promise.all(['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => run('a', name, 2)));
  const order = events.filter((event) => !event.endsWith('starts'));
  t.deepEqual(order, ['a1 ends', 'a2 ends', 'pause', 'a3 ends', 'a4 ends', 'pause', 'a5 ends']);
});

test('a batch that fails gives the turn to the next one', async (t) => {
  const { run, ends } = start();
  const outcomes = await Promise.allSettled([run('a', 'a1', 1, true), run('a', 'a2')]);
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  t.deepEqual(ends(), ['a1', 'a2']);
  await run('b', 'later');
  t.is(ends().at(-1), 'later');
});

test('a small batch is priced without a pause, although its slices start with one row', async (t) => {
  const priced: number[] = [];
  const batch = { size: 100, run: (from: number, to: number) => void priced.push(to - from) };
  let pauses = 0;
  const isDone = await runSlices(
    batch,
    { maxRowMs: 0.001 },
    () => false,
    async () => (pauses += 1),
  );
  t.true(isDone);
  t.true(priced.length > 3);
  t.is(pauses, 0);
});

test('slow rows after many fast ones are not priced in one slice', (t) => {
  let rows = 0;
  let maxRows = 0;
  const batch = { size: 20_000, run: (from: number, to: number) => void (rows += to - from) };
  const slices = createSlices(batch, { maxRowMs: 12 });
  while (!slices.isDone()) {
    rows = 0;
    slices.next();
    maxRows = Math.max(maxRows, rows);
  }
  t.is(maxRows, 2, 'two rows of 12 ms are within 32 ms');
  const slow = createSlices(
    { size: 10, run: (from, to) => void t.is(to - from, 1) },
    { maxRowMs: 0.01, isIrregular: true },
  );
  while (!slow.isDone()) slow.next();
});

test('a slice ends by the clock, because rows can be far slower than the estimate and the rows before them say', (t) => {
  const slowFrom = 1_023;
  let slow = 0;
  const batch = {
    size: slowFrom + 256,
    run: (from: number, to: number): void => {
      for (let row = Math.max(from, slowFrom); row < to; row += 1) {
        slow += 1;
        const until = performance.now() + 3;
        while (performance.now() < until);
      }
    },
  };
  const slices = createSlices(batch, { maxRowMs: 0.0002 });
  while (!slices.isDone()) {
    slow = 0;
    slices.next();
    t.true(slow <= 4, `${slow} slow rows in a slice`);
  }
});

test('a caller is not charged for code that is slow because it is new', async (t) => {
  let time = 0;
  const ends: string[] = [];
  const turns = createLoopTurns({ pause: nextTurn, now: () => time });
  const run = (caller: string, name: string, tookMs: number): Promise<void> =>
    turns.run({ caller, kind: 'batch', expectedMs: 1 }, async () => {
      await nextTurn();
      time += tookMs;
      ends.push(name);
    });
  // While a0 takes 100 times its estimate, others wait.
  await Promise.all([run('a', 'a0', 100), run('a', 'a1', 1), run('b', 'b1', 1), run('b', 'b2', 1), run('b', 'b3', 1)]);
  t.deepEqual(ends.slice(0, 3).toSorted(), ['a0', 'a1', 'b1']);
});
