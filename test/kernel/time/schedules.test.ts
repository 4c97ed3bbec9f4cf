import test from 'ava';
import { isCron, hasMinPause, nextRun, runsAround, runsEachMonth } from '#src/kernel/time/schedules.ts';

const at = (instant: string): Date => new Date(instant);

test('the next run is at the time of the zone, in summer and in winter', (t) => {
  const schedule = { cron: '30 6 * * *', time_zone: 'Europe/London' };
  t.deepEqual(nextRun(schedule, at('2024-01-10T12:00:00Z')), at('2024-01-11T06:30:00Z'));
  t.deepEqual(nextRun(schedule, at('2024-07-10T12:00:00Z')), at('2024-07-11T05:30:00Z'));
  const tokyo = { cron: '0 18 * * 1-5', time_zone: 'Asia/Tokyo' };
  t.deepEqual(nextRun(tokyo, at('2024-03-08T09:00:00Z')), at('2024-03-11T09:00:00Z'), 'over a weekend');
});

test('a time that a clock change leaves out or repeats runs once a day', (t) => {
  const schedule = { cron: '30 2 * * *', time_zone: 'America/New_York' };
  const days = (from: string): Date[] => {
    const runs: Date[] = [];
    for (let run = at(from); runs.length < 3; runs.push(run)) run = nextRun(schedule, run)!;
    return runs;
  };
  const gaps = (runs: readonly Date[]): number[] =>
    runs.slice(1).map((run, index) => (run.getTime() - runs[index]!.getTime()) / 3_600_000);
  // On 2024-03-10 there is no 02:30, on 2024-11-03 there are two hours from 01:00 to 02:00.
  t.true(gaps(days('2024-03-08T12:00:00Z')).every((hours) => hours >= 22.5 && hours <= 25));
  t.true(gaps(days('2024-11-01T12:00:00Z')).every((hours) => hours >= 24 && hours <= 25));
});

test('the runs around an instant', (t) => {
  const hours = (cron: string, instant: string): number => {
    const { previous, next } = runsAround({ cron, time_zone: 'UTC' }, at(instant))!;
    return (next - previous) / 3_600_000;
  };
  t.is(hours('0 5 * * *', '2024-01-10T12:00:00Z'), 24);
  t.is(hours('0 5 * * 1-5', '2024-01-13T12:00:00Z'), 72);
  t.is(hours('0 5 * * 1', '2024-01-10T12:00:00Z'), 168);
});

test('expressions of five fields', (t) => {
  for (const cron of ['* * * * *', '0 5 * * 1-5', '*/15 9-17 * * MON-FRI']) t.true(isCron(cron), cron);
  for (const cron of ['', '* * * *', '0 0 5 * * *', '61 * * * *', '@daily', '0 0 30 2 *', 'a b c d e']) {
    t.false(isCron(cron), cron);
  }
  for (const cron of ['H 5 * * *', '0 h * * *', '0 H/6 * * *']) t.false(isCron(cron), `${cron} is random`);
});

test('an expression that runs more often than each 15 minutes is found', (t) => {
  for (const cron of ['*/15 * * * *', '0 5 * * 1-5', '0,15,30,45 9 * * *', '7-59/20 * * * *', '59 * * * *']) {
    t.true(hasMinPause(cron), cron);
  }
  for (const cron of ['* * * * *', '*/14 * * * *', '0,14 5 * * *', '0,50 * * * *', '0-1 0 1 * *']) {
    t.false(hasMinPause(cron), cron);
  }
});

test('an expression that does not run in each month is found, because a search for its runs steps through all days', (t) => {
  const monthly = ['* * * * *', '0 5 * * 1-5', '0 5 * * 0', '0 0 1 * *', '0 0 L * *', '0 0 28 * *', '0 0 * * 1#1'];
  const weekly = ['0 5 * * 0,6', '*/15 8-17 * * 1-5/2', '0 0 * * 7'];
  for (const cron of [...monthly, ...weekly]) t.true(runsEachMonth(cron), cron);
  for (const cron of ['0 0 * * 9', '61 * * * 1', '* * * * ,']) t.false(runsEachMonth(cron), cron);
  const rare = ['0 0 * 2 0#5', '0 0 * 2 6#5', '0 0 29 2 *', '0 0 29 * *', '0 0 31 * *', '0 0 * * 1#5', '0 0 1 */3 *'];
  for (const cron of [...rare, '0 0 1 1 *', '* * * 1-10 *', '0 0 30 2 *']) t.false(runsEachMonth(cron), cron);
});

test('the fields of an expression say the same as a search for its runs', (t) => {
  const days = ['*', '28', '29', 'L', '31,L'];
  const weekdays = ['*', '1-5', '5#4', '2#5', '5L'];
  const months = ['*', '*/3'];
  const dayMs = 86_400_000;
  /** Looks at each week of a year without 29 February. First and last days of the week are up to 35 days apart. */
  const isFound = (cron: string): boolean => {
    for (let at = Date.UTC(2025, 0, 1); at < Date.UTC(2026, 0, 1); at += 7 * dayMs) {
      const next = nextRun({ cron, time_zone: 'UTC' }, new Date(at));
      if (!next || next.getTime() - at > 35 * dayMs) return false;
    }
    return true;
  };
  for (const day of days) {
    for (const weekday of weekdays) {
      for (const month of months) {
        const cron = `0 5 ${day} ${month} ${weekday}`;
        t.is(runsEachMonth(cron), isCron(cron) && isFound(cron), cron);
      }
    }
  }
});

test('the check of an expression searches for no runs, because each search steps through days', (t) => {
  const crons = ['0 5 * * 1#1', '0 5 L * *', '0 0 1 1,2,3,4,5,6,7,8,9,10,11,12 *', '0 0 * 2 0#5'];
  const check = (): void => {
    for (const cron of crons) t.true(isCron(cron) && hasMinPause(cron) && (runsEachMonth(cron) || cron.endsWith('#5')));
  };
  check();
  const startedAt = performance.now();
  for (let count = 0; count < 50; count += 1) check();
  const msEach = (performance.now() - startedAt) / 50 / crons.length;
  // Measured 0.1 ms. The search took 16 to 62 ms.
  t.true(msEach < 3, `${msEach} ms`);
});

test('an expression whose step never ends, or that has a random field, is none and is not parsed', (t) => {
  const refused = [
    '0H/59,1-2/1e-99 * * * *',
    '* 0H/23,1-2/1e-99 * * *',
    '* * 0H/9,1-2/1e-99 * *',
    '0H 0H * * *',
    'H 5 * * *',
    '1-2/0x1 * * * *',
    '*/0 * * * *',
    '*/100 * * * *',
    '1/1/1 * * * *',
    '@daily',
    `${Array.from({ length: 90 }, () => '1').join(',')} * * * *${' '.repeat(60)}`,
  ];
  for (const cron of refused) {
    t.false(isCron(cron), cron);
    t.is(nextRun({ cron, time_zone: 'UTC' }, at('2024-01-10T12:00:00Z')), undefined);
    t.throws(() => hasMinPause(cron), { message: /five-field cron/ });
  }
  for (const cron of [
    '*/15 * * * *',
    '0 5 * JAN-MAR Mon-Fri',
    '0,30 5 L * *',
    '0 5 * * 5L',
    '0 5 * * mon#2',
    '5 4 1-7/2 */3 *',
  ])
    t.true(isCron(cron), cron);
});
