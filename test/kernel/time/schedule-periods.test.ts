import test from 'ava';
import { createSchedulePeriods } from '#src/kernel/time/schedule-periods.ts';
import { runsAround, type Schedule } from '#src/kernel/time/schedules.ts';

const at = (instant: string): Date => new Date(instant);
const hourMs = 3_600_000;

const setup = () => {
  const searched: string[] = [];
  const periods = createSchedulePeriods((schedule, instant) => {
    searched.push(schedule.cron);
    return runsAround(schedule, instant);
  });
  return { searched, periods };
};

test('the runs of a schedule are searched once until the next one', async (t) => {
  const { searched, periods } = setup();
  const daily: Schedule = { cron: '0 5 * * *', time_zone: 'UTC' };
  const weekly: Schedule = { cron: '0 5 * * 1', time_zone: 'UTC' };
  const hours = async (instant: string, ...wanted: Schedule[]) =>
    (await periods.of(wanted, at(instant))).map((period) => period && period / hourMs);

  t.deepEqual(await hours('2024-01-10T12:00:00Z', daily, weekly, daily), [24, 168, 24]);
  t.deepEqual(searched, ['0 5 * * *', '0 5 * * 1'], 'two universes with one schedule need one search');
  t.deepEqual(await hours('2024-01-11T04:59:59Z', daily, weekly), [24, 168]);
  t.is(searched.length, 2);
  t.deepEqual(await hours('2024-01-11T05:00:01Z', daily, weekly), [24, 168]);
  t.deepEqual(searched.slice(2), ['0 5 * * *'], 'the run of the other one has not come');
  t.deepEqual(await hours('2024-01-10T12:00:00Z', daily), [24], 'a clock that goes back');
  t.is(searched.length, 4);
  await hours('2024-01-10T12:00:00Z', weekly);
  t.is(searched.length, 5, 'a schedule that was not stored meanwhile is forgotten');
});

test('a schedule in another zone, and one that never runs', async (t) => {
  const { periods } = setup();
  const cron = '0 5 * * *';
  const all = [
    { cron, time_zone: 'America/New_York' },
    { cron: '0 0 30 2 *', time_zone: 'UTC' },
  ];
  // The night of 2024-03-10 has an hour less.
  t.deepEqual(await periods.of(all, at('2024-03-10T05:00:00Z')), [23 * hourMs, undefined]);
});

test('the search gives the event loop turns', async (t) => {
  const wanted = Array.from({ length: 100 }, (_, index) => ({
    cron: `${index % 60} ${index % 24} * * *`,
    time_zone: 'UTC',
  }));
  let turns = 0;
  let done = false;
  const count = (): void => {
    turns += 1;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  const periods = createSchedulePeriods(() => {
    const endsAt = performance.now() + 1;
    while (performance.now() < endsAt);
    return { previous: 0, next: hourMs };
  });
  await periods.of(wanted, at('2024-03-10T05:00:00Z'));
  done = true;
  t.true(turns >= 10, `${turns} turns for 100 ms of work`);
});
