import test from 'ava';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { lastDayOfPeriod } from '#src/market-data/series/periods.ts';
import { createDates } from '#src/market-data/uploads/values.ts';

test('the dates of a file that are remembered do not keep their lines in memory', (t) => {
  const collectGarbage = createCollectGarbage();
  const dateOf = createDates();
  const blanks = ' '.repeat(60_000);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let day = 0; day < 1_000; day += 1) {
    const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
    // A line of a file, as the reader of files cuts it into cells.
    const line = Buffer.from(`ABC${blanks},${date}T00:00:00,1`).toString();
    t.is(dateOf(line.split(',')[1]!), date);
  }
  collectGarbage();
  const kept = process.memoryUsage().heapUsed - before;
  t.true(kept < 10_000_000, `${kept} bytes are kept, the lines have 60,000,000`);
  t.is(dateOf('1970-01-02T00:00:00'), '1970-01-02');
});

test('the last day of a period is in its year, also before the year 100', (t) => {
  t.is(lastDayOfPeriod('0050-01-15', '1month'), '0050-01-31');
  t.is(lastDayOfPeriod('0099-12-01', '1month'), '0099-12-31');
  t.is(lastDayOfPeriod('2024-02-10', '1month'), '2024-02-29');
  t.is(lastDayOfPeriod('2023-02-10', '1month'), '2023-02-28');
  t.is(lastDayOfPeriod('9999-12-10', '1month'), '9999-12-31');
});
