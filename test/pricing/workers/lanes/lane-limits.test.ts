import test from 'ava';
import {
  laneOfReturned,
  laneSettings,
  limitsIn,
  placesIn,
  type LaneName,
} from '#src/pricing/workers/lanes/lane-limits.ts';
import { isBrief, isReturnedFor, type LaneTask } from '#src/pricing/workers/lanes/lane-task.ts';

const maxMs = 30_000;
const taskOf = (facts: Partial<LaneTask>): LaneTask =>
  ({ caller: 'a', kind: 'single', bytes: 300, expectedMs: 1, expectedRowMs: 1, ...facts }) as LaneTask;
const summaryOf = (facts: Partial<NonNullable<LaneTask['summary']>>): NonNullable<LaneTask['summary']> => ({
  totalMs: 1,
  maxRowMs: 1,
  model: 'binomial_lr',
  format: 'objects',
  rows: 1,
  answerBytes: 300,
  ...facts,
});

test('a task of one or few slow rows is brief beside medium work, and a chunk of a job only if it is brief beside short work', (t) => {
  const brief = (lane: LaneName, facts: Partial<LaneTask>): boolean =>
    isBrief(taskOf(facts), placesIn(lane, 500).brief);
  const slow = { expectedMs: 60, expectedRowMs: 60 };
  t.deepEqual([brief('short', slow), brief('medium', slow)], [false, true]);
  t.deepEqual([brief('medium', { expectedMs: 500 }), brief('medium', { expectedMs: 501 })], [true, false]);
  t.false(brief('medium', { ...slow, isUncertain: true }));
  t.false(brief('medium', { ...slow, bytes: 300_000 }));
  t.false(brief('medium', { ...slow, isUnderestimated: true }), 'it took several times its estimate there');
  t.true(brief('medium', { summary: summaryOf({ totalMs: 300, maxRowMs: 60 }) }));
  t.false(brief('medium', { summary: summaryOf({ answerBytes: 600_000 }) }));
  t.deepEqual(
    [brief('medium', { kind: 'job', expectedMs: 20 }), brief('medium', { ...slow, kind: 'job' })],
    [true, false],
  );
});

test('a brief task beside medium work keeps to its estimate, and is returned if its work is not brief', (t) => {
  const limits = limitsIn('medium', taskOf({ expectedMs: 60, expectedRowMs: 60 }), maxMs, 500);
  t.deepEqual(limits, { maxMs, handBackMs: 500, handBackRowMs: 500, keepsEstimate: true, isForBrief: true });
  t.false(isReturnedFor(summaryOf({ totalMs: 500, maxRowMs: 500 }), limits));
  t.true(isReturnedFor(summaryOf({ totalMs: 501 }), limits));
  t.true(isReturnedFor(summaryOf({ isUncertain: true }), limits));
  t.true(isReturnedFor(summaryOf({ answerBytes: 600_000 }), limits));
});

test('a task that leaves a place for brief ones gets a large one of its lane, whatever the limit of short work', (t) => {
  for (const shortWorkMs of [10, 500]) {
    const medium = (facts: Partial<LaneTask>) => {
      const task = taskOf(facts);
      return laneOfReturned(
        { ...task, limits: limitsIn('medium', task, maxMs, shortWorkMs), lane: 'medium' },
        shortWorkMs,
      );
    };
    t.is(medium({ expectedMs: 0.9 * shortWorkMs }), 'medium');
    t.is(medium({ expectedMs: 5, kind: 'job' }), 'medium');
    t.is(medium({ expectedMs: 5 * shortWorkMs }), 'long', `${shortWorkMs}`);
    t.is(medium({ expectedMs: 5 * shortWorkMs, kind: 'job', bytes: 1e6 }), 'long', `${shortWorkMs}`);
    t.is(medium({ isUnderestimated: true }), 'long', 'it had the large place already');
  }
});

test('batches and chunks of jobs leave most places for medium work to brief tasks', (t) => {
  const { all, large, jobs, largeJobs } = laneSettings.medium.places;
  t.true(all - large > all / 2, 'more than one network has');
  t.true(jobs <= all / 2);
  t.true(largeJobs < large);
});
