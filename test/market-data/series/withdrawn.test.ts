import test from 'ava';
import { makeCache } from '#testkit/redis.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createFallbackProvider } from '#src/market-data/providers/fallback-provider.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { closesOf, monthOf, setupPair, timesPrices, wireBar } from './setup.ts';

const history = Array.from({ length: 24 }, (_, month) => wireBar(month, 50 + month));

const loaded = async (t: Parameters<typeof setupPair>[0]) => {
  const pair = await setupPair(t);
  pair.setBars('MSFT', history);
  pair.setBars('IBM', history);
  t.is((await pair.refresh()).status, 'succeeded');
  return pair;
};

for (const [where, month] of [
  ['first', 0],
  ['middle', 11],
  ['last', 23],
] as const) {
  test(`a withdrawn ${where} bar is removed, and the indexes are calculated without it`, async (t) => {
    const { setBars, refresh, closes, values } = await loaded(t);
    const fewer = history.toSpliced(month, 1);
    setBars('MSFT', fewer);
    t.like(await refresh(), { status: 'succeeded', prices: 47, quarantined: 0 });
    t.deepEqual(await closes('MSFT'), closesOf(fewer));
    t.is((await values('MSFT_X')).length, 23);
  });
}

test('an answer that is much too short removes nothing, and the series is held back', async (t) => {
  const { setBars, refresh, closes, admin } = await loaded(t);
  for (const short of [history.slice(0, 12), history.slice(12), history.filter((_, month) => month % 2 === 0)]) {
    setBars('MSFT', short.with(0, timesPrices(short[0]!, 1.5)));
    const record = await refresh();
    t.like(record, { status: 'succeeded_with_quarantine', prices: 24 });
    t.true(record.quarantined >= 12);
    t.deepEqual(record.series_held_back, [{ symbol: 'MSFT', reason: 'short_answer' }]);
    t.deepEqual(await closes('MSFT'), closesOf(history));
  }
  t.deepEqual(await admin.query('select distinct reason from price_quarantine'), [{ reason: 'short_answer' }]);
});

test('a running month under another date is the same bar: the index counts it once', async (t) => {
  const { setBars, refresh, closes, values } = await setupPair(t);
  setBars('IBM', history);
  const days = [7, 14, 31, 1];
  for (const day of days) {
    setBars('MSFT', [...history.slice(0, 23), wireBar(23, 80, 78, day)]);
    t.like(await refresh(), { status: 'succeeded', prices: 48 });
    t.is(Object.keys(await closes('MSFT')).length, 24);
    t.is((await values('MSFT_X')).length, 24);
    t.is((await closes('MSFT'))[monthOf(23, day)], 80);
  }
});

test('a relabelled bar whose price is not believed leaves the stored bar under its date', async (t) => {
  const { setBars, refresh, closes } = await setupPair(t);
  setBars('IBM', history);
  setBars('MSFT', [...history.slice(0, 23), wireBar(23, 80, 78, 7)]);
  await refresh();
  const before = await closes('MSFT');
  setBars('MSFT', [...history.slice(0, 23), wireBar(23, 8_000, 7_800)]);
  t.like(await refresh(), { status: 'succeeded_with_quarantine', quarantined: 1 });
  t.deepEqual(await closes('MSFT'), before);
});

test('of two bars of one month in an answer the later one is stored', async (t) => {
  const { setBars, refresh, closes, admin } = await loaded(t);
  setBars('MSFT', [...history, wireBar(23, 75, 74, 15)]);
  t.like(await refresh(), { status: 'succeeded_with_quarantine', quarantined: 1 });
  t.is(Object.keys(await closes('MSFT')).length, 24);
  t.is((await closes('MSFT'))[monthOf(23, 15)], 75);
  const held = await admin.query('select date::text as date, reason from price_quarantine');
  t.deepEqual(held, [{ date: monthOf(23), reason: 'second_in_period' }]);
});

test('a bar that contradicts itself is held back, and the stored one stays', async (t) => {
  const { setBars, refresh, closes, admin } = await loaded(t);
  const normal = history[5]!;
  const impossible = [
    { ...normal, high: '50.0', low: '60.0' },
    { ...normal, close: '58.0', high: '56.0' },
    { ...normal, close: '52.0', low: '53.0' },
    { ...normal, open: '58.0', high: '56.0' },
    { ...normal, open: '52.0', low: '53.0' },
  ];
  for (const bar of impossible) {
    setBars('MSFT', history.with(5, bar));
    t.like(await refresh(), { status: 'succeeded_with_quarantine', quarantined: 1, prices: 47 });
    t.deepEqual(await closes('MSFT'), closesOf(history));
  }
  t.deepEqual(await admin.query('select distinct reason from price_quarantine'), [{ reason: 'impossible' }]);
});

test('the data of an earlier fetch withdraw nothing and restate nothing', async (t) => {
  const { setBars, refresh, closes, server, provider, ...service } = await loaded(t);
  const fallback = createFallbackProvider({ provider, cache: makeCache(t), logger: silentLogger });
  const { unitOfWork, reader, lock } = service.database;
  const scheduled = createRefreshService({ ...service.deps, unitOfWork, reader, lock, provider: fallback });
  const run = () => scheduled.run({ universe: 'pair', trigger: 'schedule' });
  t.is((await run()).source, 'provider');

  const newer = [...history, wireBar(24, 75)];
  setBars('MSFT', newer);
  setBars(
    'IBM',
    history.map((each) => timesPrices(each, 1 / 2)),
  );
  t.is((await refresh()).status, 'succeeded');
  const [msft, ibm] = [await closes('MSFT'), await closes('IBM')];
  server.fault = { kind: 'status', status: 500 };
  const record = await run();
  t.like(record, { status: 'succeeded_with_quarantine', source: 'cache' });
  t.deepEqual(record.series_held_back, [{ symbol: 'IBM', reason: 'restated', factor: 2 }]);
  t.deepEqual(await closes('MSFT'), msft);
  t.deepEqual(await closes('IBM'), ibm);
});
