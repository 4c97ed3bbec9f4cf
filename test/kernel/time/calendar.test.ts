import test from 'ava';
import { addDays, isCalendarDate, lastDay } from '#src/kernel/calendar.ts';

test('days are added over the ends of months and years, and no day is after the last one', (t) => {
  t.is(addDays('2024-02-28', 1), '2024-02-29');
  t.is(addDays('2023-12-31', 1), '2024-01-01');
  t.is(addDays('2024-03-01', -1), '2024-02-29');
  t.is(addDays('9999-12-30', 1), lastDay);
  t.is(addDays(lastDay, 1), lastDay);
  t.is(addDays('9500-01-01', 320_000), lastDay);
  t.true(isCalendarDate(lastDay));
});
