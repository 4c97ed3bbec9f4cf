import test from 'ava';
import { firstDayOfPeriod, periodOf } from '#src/market-data/series/periods.ts';
import { createStoredUniverses } from '#src/market-data/universes/stored-universes.ts';
import { desk, setupUniverses } from './setup.ts';

/** The default schedule of tech5 in these tests is at five o'clock UTC. */
const nextFiveOClock = (): string => {
  const at = new Date();
  at.setUTCHours(5, 0, 0, 0);
  if (at.getTime() <= Date.now()) at.setUTCDate(at.getUTCDate() + 1);
  return at.toISOString();
};

test('the status of a universe counts fresh, stale and missing assets, and has its last refresh', async (t) => {
  const { get, refreshes, put, admin } = await setupUniverses(t);
  t.deepEqual(await get('/universes/tech5/status'), {
    universe: 'tech5',
    version: 1,
    last_refresh: null,
    next_run: nextFiveOClock(),
    assets: { fresh: 0, stale: 0, missing: 5 },
    first_date: null,
    last_date: null,
    held_back_prices: 0,
    exchange: null,
    expected_day: null,
    missing_bars: null,
  });
  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  // IBM has no bar of the last month, GOOG has none at all, and AAPL has another day of the last month.
  await admin.query(
    `delete from price using asset where asset.id = asset_id and (symbol = 'GOOG' or (symbol = 'IBM' and date > '2010-02-01'))`,
  );
  await admin.query(
    `update price set date = '2010-03-15' from asset where asset.id = asset_id and symbol = 'AAPL' and date = '2010-03-01'`,
  );
  await admin.query('update refresh set quarantined = 3');
  const status = await get('/universes/tech5/status');
  t.like(status, { first_date: '2000-01-01', last_date: '2010-03-15', held_back_prices: 3 });
  t.deepEqual(status['assets'], { fresh: 3, stale: 1, missing: 1 });
  t.like(status['last_refresh'], {
    status: 'succeeded',
    trigger: 'request',
    universe_version: 1,
    reason: null,
  });

  t.is((await put('desk', desk())).status, 201);
  t.like(await get('/universes/desk/status'), { next_run: null, last_refresh: null });
  await get('/universes/nobody/status', 404);
});

test('the universe of a symbol is asked for again after a while, and the last answer is used when the database fails', async (t) => {
  const { database, put, remove } = await setupUniverses(t);
  let now = 0;
  let fails = false;
  const clock = { now: () => new Date(now), monotonic: () => now };
  const query: typeof database.reader.query = (...call) => {
    if (fails) throw new Error('no database');
    return database.reader.query(...call);
  };
  const { ofAsset } = createStoredUniverses({ reader: { query }, clock });
  t.is(await ofAsset('AAA'), undefined);
  t.is((await put('desk', desk())).status, 201);
  t.is(await ofAsset('AAA'), undefined, 'known for 5 s');
  now += 5_000;
  t.is(await ofAsset('AAA'), 'desk');
  fails = true;
  now += 60_000;
  t.is(await ofAsset('AAA'), 'desk');
  await t.throwsAsync(ofAsset('BBB'), { message: 'no database' });
  fails = false;
  t.is((await remove('desk')).status, 204);
  now += 5_000;
  t.is(await ofAsset('AAA'), undefined);
});

test('a week begins on Monday, also over the end of a year', (t) => {
  for (const date of ['2024-12-30', '2025-01-01', '2025-01-05']) t.is(periodOf(date, '1week'), '2024-12-30', date);
  t.is(periodOf('2025-01-06', '1week'), '2025-01-06');
  t.is(firstDayOfPeriod('2025-01-05', '1week'), '2024-12-30');
  t.is(firstDayOfPeriod('2025-01-05', '1month'), '2025-01-01');
});
