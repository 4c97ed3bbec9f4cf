import test from 'ava';
import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import { laneFor, laneOfReturned, limitsIn, placesIn, refusalOf } from '#src/pricing/workers/lanes/lane-limits.ts';
import {
  cancelTime,
  fits,
  isBrief,
  isLarge,
  shortBrief,
  takeNext,
  type LaneTask,
  type OpenTask,
} from '#src/pricing/workers/lanes/lane-task.ts';
import { parsedBytesOf } from '#src/pricing/workers/lanes/text-bytes.ts';
import { createTaskTimes } from '#src/pricing/workers/lanes/task-times.ts';

const start = (isCold = false) => {
  const charged: number[] = [];
  const passed: number[] = [];
  const task = { bytes: 100_000, expectedMs: 10, expectedRowMs: 1 } as LaneTask;
  const queue = {
    charge: (_: LaneTask, milliseconds: number) => void charged.push(milliseconds),
    pass: (milliseconds: number) => void passed.push(milliseconds),
  };
  const times = createTaskTimes(queue, () => [task]);
  const frame = { withdraw: () => false };
  const opened: OpenTask = { task, frame, isCold, isStarted: true, isCancelled: false, workedMs: 0, countedMs: 10 };
  const sumOf = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
  return { times, opened, sum: () => sumOf(charged), passed: () => sumOf(passed) };
};

test('an estimate that is known after the body is read counts at once, and is corrected at the end', (t) => {
  const { times, opened, sum } = start();
  times.opened(opened, { totalMs: 400, answerBytes: 0 });
  t.is(sum(), 390);
  times.worked(opened, 100);
  t.is(sum(), 390);
  times.ended(opened);
  t.is(10 + sum(), 100);
});

test('the common time passes by the work that was done, not by the estimate', (t) => {
  const { times, opened, passed } = start();
  times.opened(opened, { totalMs: 600_000, answerBytes: 0 });
  t.is(passed(), 0);
  times.worked(opened, 7);
  times.ended(opened);
  t.is(passed(), 7);
  const cold = start(true);
  cold.times.worked(cold.opened, 900);
  t.is(cold.passed(), 10, 'slow new code passes no more time than the caller is charged for');
});

test('time beyond the estimate counts while the task works', (t) => {
  const { times, opened, sum } = start();
  times.worked(opened, 300);
  t.is(10 + sum(), 300);
  times.worked(opened, 200);
  times.ended(opened);
  t.is(10 + sum(), 500);
});

test('the first tasks of a process count with their estimate, because its code is slow then', (t) => {
  const { times, opened, sum } = start(true);
  times.worked(opened, 900);
  times.ended(opened);
  t.is(sum(), 0);
  const long = start(true);
  long.times.opened(long.opened, { totalMs: 2_000, answerBytes: 0 });
  long.times.worked(long.opened, 3_000);
  long.times.ended(long.opened);
  t.is(10 + long.sum(), 2_000, 'known work counts also then');
});

test('a task is large by its body, its estimate or its time', (t) => {
  const { opened } = start();
  t.false(isLarge(opened, shortBrief));
  t.true(isLarge({ ...opened, workedMs: 150 }, shortBrief));
  t.false(isBrief({ ...opened.task, bytes: 1_000_000 }, shortBrief));
  t.false(isBrief({ ...opened.task, expectedMs: 200 }, shortBrief));
  const summary = {
    totalMs: 200,
    maxRowMs: 1,
    model: 'black_scholes',
    format: 'columns',
    rows: 1,
    answerBytes: 1,
  } as const;
  t.false(isBrief({ ...opened.task, summary }, shortBrief));
});

test('a task with a slow row is large, because all tasks of its process wait for the row in each round', (t) => {
  const { opened } = start();
  const facts = { totalMs: 30, model: 'black_scholes', format: 'columns', rows: 1, answerBytes: 1 } as const;
  const brief = (maxRowMs: number): boolean => isBrief({ ...opened.task, summary: { ...facts, maxRowMs } }, shortBrief);
  t.deepEqual([brief(20), brief(21)], [true, false]);
  t.deepEqual(
    [
      isBrief({ ...opened.task, expectedRowMs: 20 }, shortBrief),
      isBrief({ ...opened.task, expectedRowMs: 21 }, shortBrief),
    ],
    [true, false],
  );
});

test('a task with a long answer or an uncertain estimate is large, however few bytes its rows have', (t) => {
  const { opened } = start();
  const facts = { totalMs: 1, maxRowMs: 1, model: 'black_scholes', format: 'columns', rows: 1 } as const;
  const brief = (answerBytes: number): boolean =>
    isBrief({ ...opened.task, summary: { ...facts, answerBytes } }, shortBrief);
  t.deepEqual([brief(524_288), brief(524_289)], [true, false]);
  t.false(isBrief({ ...opened.task, summary: { ...facts, answerBytes: 1, isUncertain: true } }, shortBrief));
});

test('the bytes of an answer count for the caller when they are known, and those that were written at the end', (t) => {
  const { times, opened, sum } = start();
  times.opened(opened, { totalMs: 15, answerBytes: 7_000_000 });
  t.is(10 + sum(), 15 + 350);
  times.worked(opened, 15);
  times.ended(opened);
  times.answered(opened, 6_000_000);
  t.is(10 + sum(), 15 + 300);
});

const taskOf = (facts: Partial<LaneTask>): LaneTask =>
  ({
    caller: 'a',
    kind: 'batch',
    bytes: 1e6,
    expectedMs: 1_000,
    expectedRowMs: 0,
    limits: { maxMs: 30_000 },
    ...facts,
  }) as LaneTask;
const summaryOf = (maxRowMs: number) => ({ summary: { maxRowMs } as LaneTask['summary'] & object });
const openOf = (...tasks: readonly LaneTask[]): OpenTask[] => tasks.map((task) => ({ task, workedMs: 0 }) as OpenTask);

test('work goes to the lane of its duration, and is handed on when it is longer', (t) => {
  const lane = (kind: LaneTask['kind'], expectedMs: number, maxRowMs = 1) =>
    laneFor({ kind }, expectedMs, maxRowMs, 500);
  t.deepEqual([lane('batch', 500), lane('batch', 501), lane('single', 5_001)], ['short', 'medium', 'long']);
  t.deepEqual([lane('job', 1), lane('job', 5_001)], ['medium', 'long']);
  t.deepEqual(
    [lane('single', 50, 50), lane('single', 51, 51), lane('single', 500, 500), lane('single', 501, 501)],
    ['short', 'medium', 'medium', 'long'],
    'others would wait for the row',
  );
  t.deepEqual(limitsIn('short', taskOf({}), 9_000, 500), {
    maxMs: 9_000,
    handBackMs: 500,
    handBackRowMs: 50,
    keepsEstimate: true,
  });
  t.deepEqual(limitsIn('medium', taskOf({}), 9_000, 500), { maxMs: 9_000, handBackMs: 5_000 });
  t.deepEqual(limitsIn('long', taskOf({}), 9_000, 500), { maxMs: 9_000 });
});

test('a cancelled task has the time of two slow rows for each place of its process', (t) => {
  const opened = [{ ...summaryOf(12) }, { ...summaryOf(2_600) }, {}].map((facts) => ({ task: taskOf(facts) }));
  t.is(cancelTime(5_000, opened, { all: 4 }, 100), 5_000 + 2 * 4 * 2_600);
  t.is(
    cancelTime(5_000, opened, { all: 4 }, 3_100),
    5_000 + 2 * 4 * 3_100,
    'a row of any task took longer than its estimate',
  );
  t.is(cancelTime(5_000, [], { all: 4 }, 0), 5_000);
});

test('a network has half of the places and two of the large ones, and jobs leave some', (t) => {
  const places = placesIn('medium', 500);
  const large = [taskOf({ caller: 'a', network: 'one' }), taskOf({ caller: 'b', network: 'one' })];
  const slow = { kind: 'single', bytes: 300, expectedMs: 60, expectedRowMs: 60 } as const;
  const open = openOf(...large);
  t.false(fits(taskOf({ caller: 'c', network: 'one' }), open, places));
  t.true(fits(taskOf({ ...slow, caller: 'c', network: 'one' }), open, places));
  t.true(fits(taskOf({ caller: 'c', network: 'two' }), open, places));
  const half = openOf(...large, ...['d', 'e'].map((caller) => taskOf({ ...slow, caller, network: 'one' })));
  t.false(fits(taskOf({ ...slow, caller: 'c', network: 'one' }), half, places));
  t.true(fits(taskOf({ ...slow, caller: 'c', network: 'two' }), half, places));
  const jobs = openOf(taskOf({ caller: 'a', kind: 'job' }), taskOf({ caller: 'b', kind: 'job' }));
  t.false(fits(taskOf({ caller: 'c', kind: 'job' }), jobs, places));
  t.true(fits(taskOf({ caller: 'c', kind: 'job' }), jobs, placesIn('long', 500)));
  t.true(fits(taskOf({ caller: 'c' }), jobs, places));
  t.false(fits(taskOf({ caller: 'a' }), jobs, places), 'a caller has one place');
});

test('long work that does not end in time beside other work takes no place', (t) => {
  const refusal = (task: LaneTask, ...open: readonly LaneTask[]) =>
    refusalOf(
      { ...task, lane: 'long' },
      {
        minLoad: (weight) => open.reduce((sum, each) => sum + weight(each), 0),
        mediumJobs: new Set(),
        processes: 1,
      },
    )?.code;
  const long = taskOf({ expectedMs: 14_000 });
  const job = taskOf({ kind: 'job', expectedMs: 45_000 });
  t.is(refusal(long), undefined);
  t.is(refusal(long, long), undefined);
  t.is(refusal(long, long, long), 'overloaded');
  t.is(refusal(long, job, job, job), undefined, 'jobs get fewer turns');
  t.is(refusal(job, long, long, job, job), undefined);
  t.is(refusal(job, job, job, job), 'overloaded');
});

test('a chunk that is not brief finds a place for medium work or is refused, and a brief one finds a place of its own', (t) => {
  const slow = taskOf({ kind: 'job', expectedMs: 4_000 });
  const brief = taskOf({ kind: 'job', expectedMs: 5, bytes: 2_000 });
  const refusal = (task: LaneTask, chunks: number) =>
    refusalOf(
      { ...task, lane: 'medium' },
      { minLoad: () => 0, mediumJobs: new Set(Array.from({ length: chunks }, (_, number) => number)), processes: 2 },
    )?.code;
  t.deepEqual([refusal(slow, 7), refusal(slow, 8), refusal(brief, 8)], [undefined, 'overloaded', undefined]);
  t.is(refusal(taskOf({ expectedMs: 4_000 }), 8), undefined, 'a batch waits for its place');
  const places = placesIn('medium', 500);
  const open = openOf(...['a', 'b', 'c'].map((caller) => taskOf({ caller, expectedMs: 4_000 })));
  t.false(fits(taskOf({ caller: 'd' }), open, places));
  t.true(fits({ ...brief, caller: 'd' }, open, places));
});

test('a chunk of unknown work is opened first, and then goes to the lane of its work', (t) => {
  const chunk = { kind: 'job', expectedMs: 1, expectedRowMs: 0, isUncertain: false } as const;
  const opened = limitsIn('medium', { ...chunk, bytes: 2_000 }, 9_000, 500);
  t.deepEqual(opened, { maxMs: 9_000, handBackMs: 100, keepsEstimate: true, isBriefChunk: true });
  const medium = limitsIn('medium', taskOf({}), 9_000, 500);
  t.deepEqual(limitsIn('medium', { ...chunk, bytes: 1e6 }, 9_000, 500), medium);
  const single = { kind: 'single', expectedMs: 1, expectedRowMs: 1, bytes: 200 } as const;
  t.true(limitsIn('short', { ...single, isUncertain: false }, 9_000, 500).isForBrief);
  t.is(limitsIn('short', { ...single, isUncertain: true }, 9_000, 500).isForBrief, undefined, 'it has a large place');
  t.is(
    limitsIn('short', { ...single, expectedRowMs: 21, isUncertain: false }, 9_000, 500).isForBrief,
    undefined,
    'others wait for its row',
  );
  const returned = (limits: LaneTask['limits'], expectedMs: number, maxRowMs = 1) =>
    laneOfReturned({ ...taskOf({ kind: 'job', limits, expectedMs, ...summaryOf(maxRowMs) }), lane: 'medium' }, 500);
  t.deepEqual([returned(opened, 4_000), returned(opened, 6_000), returned(medium, 4_000)], ['medium', 'long', 'long']);
  t.is(returned(opened, 4_000, 501), 'long');
});

test('texts that would take much memory together are read one after the other, and the next one waits for no later one', (t) => {
  const places = placesIn('short', 500);
  const text = (caller: string, parsedBytes: number) =>
    taskOf({ caller, bytes: parsedBytes, parsedBytes, network: caller });
  const next = (waiting: readonly LaneTask[], ...open: readonly LaneTask[]): string | undefined => {
    const queue = createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity });
    for (const task of waiting) queue.add(task);
    return takeNext(queue, openOf(...open), places, () => 'now')?.caller;
  };
  t.is(next([text('a', 64e6)]), 'a', 'a long text is read alone');
  t.is(next([text('a', 64e6)], text('b', 1e6)), undefined);
  t.is(next([text('a', 1e6)], text('b', 64e6)), undefined);
  t.is(next([text('a', 6e6)], text('b', 6e6)), 'a');
  t.is(next([text('a', 64e6), text('c', 1e6)], text('b', 1e6)), undefined, 'the long one must not wait for ever');
  const small = { ...text('d', 1_000), expectedMs: 1 };
  t.is(next([text('a', 64e6), small], text('b', 1e6)), 'd');
  const arrowBytes = (byteLength: number): number => parsedBytesOf('arrow', { byteLength, blocks: [] });
  const stream = (caller: string, bytes: number) => text(caller, arrowBytes(bytes));
  t.is(next([stream('a', 9e6)], stream('b', 9e6)), 'a', 'a long Arrow stream takes less memory than JSON');
  t.is(next([stream('a', 16e6)], stream('b', 16e6)), undefined);
  t.is(next([stream('a', 2e6)], text('b', 11e6)), undefined, 'a short one with many batches takes as much as JSON');
  t.is(arrowBytes(262_144), 262_144, 'that of a brief batch is small');
});
