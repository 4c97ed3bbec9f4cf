import test from 'ava';
import { createTradingDays } from '#src/market-data/quality/trading-days.ts';
import type { Item } from '../setup-http.ts';
import { setupQuality } from './setup.ts';

const sessions = createTradingDays().periods('XNYS', '1day');
const between = (from: string, to: string) => sessions.filter((day) => day >= from && day <= to);
const missingOf = (status: Item) => status['missing_bars'] as Item;

test('missing bars are counted against the trading days of the exchange', async (t) => {
  const { put, get, check, store, exchangeDesk, checks, metrics, lines } = await setupQuality(t);
  t.is((await put('desk', exchangeDesk())).status, 201);
  t.like(await get('/universes/desk/status'), { exchange: 'XNYS', expected_day: '2024-03-11', missing_bars: null });
  // 2024-01-15 and 2024-02-19 are holidays. A bar of a Sunday is not one of a trading day.
  const lacks = new Set(['2024-01-10', '2024-02-20', '2024-02-21', '2024-03-07']);
  await store('AAA', [...between('2024-01-02', '2024-03-12').filter((day) => !lacks.has(day)), '2024-03-10']);
  await store('BBB', between('2024-02-01', '2024-03-08'));
  await check('desk');
  const status = await get('/universes/desk/status');
  t.like(missingOf(status), { total: 4, recent: 3, assets: 1, calendar_from: '2000-01-01', calendar_to: '2028-12-31' });
  t.deepEqual(
    missingOf(status)['newest'],
    [...lacks].reverse().map((date) => ({ symbol: 'AAA', date })),
  );
  t.deepEqual(status['assets'], { fresh: 1, stale: 1, missing: 0 });

  await checks.collect();
  t.is(metrics.value('volwatch_universe_missing_bars', { universe: 'desk', age: 'recent' }), 3);
  t.is(metrics.value('volwatch_universe_missing_bars', { universe: 'desk', age: 'older' }), 1);
  t.is(metrics.value('volwatch_universe_assets', { universe: 'desk', state: 'fresh' }), 1);
  t.is(metrics.value('volwatch_universe_assets', { universe: 'desk', state: 'stale' }), 1);
  t.is(metrics.value('volwatch_universe_held_back_prices', { universe: 'desk' }), 0);
  t.deepEqual(
    lines.map(({ message, fields }) => [message.split(':')[0], fields['universe']]),
    [
      ['assets have no new bars', 'desk'],
      ['bars are missing on trading days', 'desk'],
    ],
  );
});

test('series before the calendar, and of weeks and months, are counted by period', async (t) => {
  const { put, get, check, store, exchangeDesk, admin } = await setupQuality(t);
  await put('desk', exchangeDesk());
  await store('AAA', ['1998-05-04', '2000-01-03', '2000-01-05']);
  await check('desk');
  t.deepEqual(missingOf(await get('/universes/desk/status'))['newest'], [{ symbol: 'AAA', date: '2000-01-04' }]);
  // The bars of a week and a month have any day of their period.
  for (const [interval, days, lacks] of [
    ['1week', ['2024-01-05', '2024-01-08', '2024-01-19', '2024-02-02'], '2024-01-22'],
    ['1month', ['2023-11-30', '2023-12-01', '2024-02-15', '2024-03-01'], '2024-01-01'],
  ] as const) {
    await admin.query('delete from price');
    await store('AAA', days);
    const { version } = await get('/universes/desk');
    const headers = { 'If-Match': `"${String(version)}"` };
    t.is((await put('desk', exchangeDesk({ interval }), headers)).status, 200);
    await check('desk');
    const missing = missingOf(await get('/universes/desk/status'));
    t.like(missing, { total: 1, newest: [{ symbol: 'AAA', date: lacks }] }, interval);
  }
});

test('a check runs again after a change, a refresh, a trading day, or a day, and not otherwise', async (t) => {
  const { put, check, store, exchangeDesk, admin, time, get } = await setupQuality(t);
  await put('desk', exchangeDesk());
  await store('AAA', between('2024-03-01', '2024-03-12'));
  const measuredAt = async () =>
    (await admin.query(`select measured_at::text from universe_quality where universe = 'desk'`))[0]?.['measured_at'];
  await check();
  const first = await measuredAt();
  time.at += 1_000;
  await check();
  t.is(await measuredAt(), first, 'nothing has changed');
  t.is((await put('desk', exchangeDesk({ title: 'Other' }), { 'If-Match': '"1"' })).status, 200);
  await check();
  const second = await measuredAt();
  t.not(second, first, 'a new version');
  time.at += 1_000;
  await admin.query(
    `insert into refresh (id, universe, trigger, status, started_at, finished_at, applied_at, quarantined)
     values (gen_random_uuid(), 'desk', 'request', 'succeeded_with_quarantine', now(), now(), now(), 4)`,
  );
  await check();
  const third = await measuredAt();
  t.not(third, second, 'a refresh');
  t.is((await get('/universes/desk/status'))['held_back_prices'], 4);
  t.deepEqual((await get('/universes/desk/status'))['assets'], { fresh: 1, stale: 0, missing: 1 });
  // On the 14th at 04:00 UTC the bar of the 12th is expected, and on the 15th that of the 13th.
  time.at = Date.parse('2024-03-14T04:00:00Z');
  await check();
  const fourth = await measuredAt();
  t.not(fourth, third, 'another expected day');
  time.at = Date.parse('2024-03-15T04:00:00Z');
  await check();
  t.like(await get('/universes/desk/status'), { assets: { fresh: 0, stale: 1, missing: 1 } });
  const fifth = await measuredAt();
  // A weekend without a trading day.
  time.at = Date.parse('2024-03-16T04:00:00Z');
  await check();
  const sixth = await measuredAt();
  t.not(sixth, fifth);
  time.at += 25 * 3_600_000;
  await check();
  t.not(await measuredAt(), sixth, 'a day has passed');
});

test('without an exchange nothing is expected, and a deleted universe has no series', async (t) => {
  const { put, get, check, checks, metrics, store, exchangeDesk, remove } = await setupQuality(t);
  await put('desk', exchangeDesk({ exchange: null }));
  await store('AAA', ['2024-01-02', '2024-02-02']);
  await check('desk');
  t.like(await get('/universes/desk/status'), { exchange: null, expected_day: null, missing_bars: null });
  await checks.collect();
  t.is(metrics.value('volwatch_universe_assets', { universe: 'desk', state: 'fresh' }), 1);
  t.deepEqual(metrics.series('volwatch_universe_missing_bars'), []);
  t.is((await remove('desk')).status, 204);
  await checks.collect();
  t.deepEqual(metrics.series('volwatch_universe_assets'), []);
});

test('an exchange is stored with the universe, and a wrong one is refused', async (t) => {
  const { put, get, exchangeDesk, enqueued, admin } = await setupQuality(t);
  t.is((await put('desk', exchangeDesk({ exchange: 'NYSE' }))).status, 422);
  t.is((await put('desk', exchangeDesk({ exchange: null }))).status, 201);
  t.is((await get('/universes/desk'))['exchange'], null);
  const [stored] = await admin.query(`select definition ? 'exchange' as has from universe where name = 'desk'`);
  t.false(stored?.['has'], 'the previous release refuses members that it does not know');
  t.deepEqual(enqueued, ['desk']);
  t.is((await put('desk', exchangeDesk(), { 'If-Match': '"1"' })).status, 200);
  t.is((await get('/universes/desk'))['exchange'], 'XNYS');
  t.deepEqual(enqueued, ['desk', 'desk'], 'a check is enqueued, and no refresh is needed');
});

test('a universe that cannot be checked does not keep the others from their checks', async (t) => {
  const { put, check, exchangeDesk, faults, admin, lines } = await setupQuality(t);
  await put('desk', exchangeDesk());
  await put('other', exchangeDesk());
  faults.set('quality.measure', { mode: 'error', count: 1, probability: 1, delay_ms: 0 });
  await t.throwsAsync(check(), { code: 'database_unavailable' });
  const rows = await admin.query('select universe from universe_quality order by 1');
  t.is(rows.length, 3, 'two bundled universes and the second of the others');
  t.true(lines.some(({ message }) => message === 'the prices of a universe were not checked'));
  await check();
  t.is((await admin.query('select 1 from universe_quality')).length, 4);
});
