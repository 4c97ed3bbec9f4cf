import test from 'ava';
import { createRandom } from '#load/histories/random.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createFallbackProvider } from '#src/market-data/providers/fallback-provider.ts';
import type { FetchedUniverse, MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { overlapBars } from '#src/market-data/refresh/fetch/stored-ends.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { makeCache } from '#testkit/redis.ts';
import { closesOf, monthOf, pair, setupPair, timesPrices, wireBar } from './setup.ts';

const fetched = 'volwatch_series_fetched_total';
const bars = (count: number, start = 100) =>
  Array.from({ length: count }, (_, month) => wireBar(month, start * (1 + 0.05 * Math.sin(month))));

/** Both series with `count` months, refreshed once. */
const setupStored = async (t: Parameters<typeof setupPair>[0], count = 40) => {
  const service = await setupPair(t, { historyDays: 7 });
  const { setBars, refresh, server } = service;
  const msft = bars(count);
  setBars('MSFT', msft);
  setBars('IBM', bars(count, 50));
  t.is((await refresh()).status, 'succeeded');
  (server.requests as unknown[]).length = 0;
  const asked = (): string[] => server.requests.map(({ query }) => `${query.get('symbol')} ${query.get('start_date')}`);
  const extents = (): number[] =>
    ['end', 'whole', 'changed'].map((extent) => service.metrics.value(fetched, { extent }));
  return { ...service, msft, asked, extents };
};

test('the second refresh asks for the overlap and the new bars, and stores what a whole fetch would', async (t) => {
  const { setBars, refresh, asked, extents, closes, values, msft } = await setupStored(t);
  setBars('MSFT', [...msft, wireBar(40, 104)]);
  setBars('IBM', [...bars(40, 50), wireBar(40, 51)]);
  const record = await refresh();
  t.like(record, { status: 'succeeded', quarantined: 0, rows_read: 2 * (overlapBars + 1) });
  t.deepEqual(asked(), [`MSFT,IBM ${monthOf(40 - overlapBars)}`]);
  t.deepEqual(extents(), [2, 2, 0]);
  t.deepEqual(await closes('MSFT'), closesOf([...msft, wireBar(40, 104)]));
  t.is((await values('PAIR_EW')).length, 41);
});

test('a bar that moved too far is held back, compared with the stored close before it', async (t) => {
  const { setBars, refresh, closes, msft, admin } = await setupStored(t);
  setBars('MSFT', [...msft, wireBar(40, 1_000_000)]);
  const record = await refresh();
  t.like(record, { status: 'succeeded_with_quarantine', quarantined: 1 });
  t.deepEqual(await closes('MSFT'), closesOf(msft));
  const [held] = await admin.query('select price, reference, reason from price_quarantine');
  t.like(held, { price: 1_000_000, reference: Number(msft.at(-1)!.close), reason: 'moved_too_far' });
});

test('an answer with only a new bar, without the overlap, is not believed: the whole history is asked for', async (t) => {
  const { provider: twelveData, setBars } = await setupPair(t);
  setBars('MSFT', bars(40));
  setBars('IBM', bars(40, 50));
  const calls: (number | undefined)[] = [];
  const provider: MarketDataProvider = {
    source: 'twelve_data',
    fetch: async (universe, signal, options): Promise<FetchedUniverse> => {
      calls.push(options.since?.size);
      const answer = await twelveData.fetch(universe, signal, options);
      const cut = answer.series.map((each) =>
        each.since === undefined ? each : { ...each, prices: each.prices.slice(-1), since: each.prices.at(-1)!.date },
      );
      return { ...answer, series: cut };
    },
  };
  const { refreshes } = await setupPair(t, { historyDays: 7, provider });
  t.is((await refreshes.run({ universe: 'pair', trigger: 'request' })).status, 'succeeded');
  setBars('MSFT', [...bars(40), wireBar(40, 1_000_000)]);
  const record = await refreshes.run({ universe: 'pair', trigger: 'request' });
  t.like(record, { status: 'succeeded_with_quarantine', quarantined: 1 });
  t.deepEqual(calls, [0, 2, undefined]);
});

test('after a split the overlap differs, and the whole history is fetched and replaced', async (t) => {
  const { setBars, refresh, asked, extents, closes, msft } = await setupStored(t);
  const restated = msft.map((bar) => timesPrices(bar, 0.25));
  setBars('MSFT', [...restated, wireBar(40, 26)]);
  const record = await refresh();
  t.is(record.status, 'succeeded');
  t.deepEqual(record.series_replaced, [{ symbol: 'MSFT', reason: 'restated', factor: 0.25 }]);
  t.deepEqual(asked(), [`MSFT,IBM ${monthOf(40 - overlapBars)}`, 'MSFT 2000-01-01']);
  t.deepEqual(extents(), [1, 2, 1]);
  t.deepEqual(await closes('MSFT'), closesOf([...restated, wireBar(40, 26)]));
});

test('a correction of a settled bar in the overlap, and a bar that the answer lacks, make the history due', async (t) => {
  const { setBars, refresh, extents, closes, msft } = await setupStored(t);
  const corrected = msft.with(35, wireBar(35, 97)).with(3, wireBar(3, 99));
  setBars('MSFT', corrected);
  t.is((await refresh()).status, 'succeeded');
  t.deepEqual(extents(), [1, 2, 1]);
  t.deepEqual(await closes('MSFT'), closesOf(corrected), 'the old bar is corrected too');
  const shorter = corrected.toSpliced(36, 1);
  setBars('MSFT', shorter);
  t.is((await refresh()).status, 'succeeded');
  t.deepEqual(extents(), [2, 2, 2]);
  t.deepEqual(await closes('MSFT'), closesOf(shorter));
});

test('the newest bars may change without a fetch of the whole history', async (t) => {
  const { setBars, refresh, extents, closes, msft } = await setupStored(t);
  const later = msft.with(38, wireBar(38, 101)).with(39, wireBar(39, 102));
  setBars('MSFT', later);
  t.is((await refresh()).status, 'succeeded');
  t.deepEqual(extents(), [2, 2, 0]);
  t.deepEqual(await closes('MSFT'), closesOf(later));
});

test('an older correction is found when the whole history is due again', async (t) => {
  const { setBars, refresh, extents, closes, msft, admin } = await setupStored(t);
  const corrected = msft.with(3, wireBar(3, 99));
  setBars('MSFT', corrected);
  await refresh();
  t.deepEqual(await closes('MSFT'), closesOf(msft));
  await admin.query(`update asset set history_at = history_at - interval '8 days' where symbol = 'MSFT'`);
  await refresh();
  t.deepEqual(extents(), [3, 3, 0]);
  t.deepEqual(await closes('MSFT'), closesOf(corrected));
});

test('an earlier first day, another interval or another source makes the whole history due', async (t) => {
  const { deps, ...service } = await setupStored(t);
  const refreshOf = (universe: typeof pair) =>
    createRefreshService({ ...deps, universes: fixedUniverses([universe]) }).run({
      universe: 'pair',
      trigger: 'request',
    });
  await refreshOf({ ...pair, from: '1999-01-01' });
  t.deepEqual(service.extents(), [0, 4, 0]);
  await refreshOf({ ...pair, from: '2000-01-01' });
  t.deepEqual(service.extents(), [2, 4, 0], 'the stored history begins early enough');
  await service.admin.query(`update asset set price_source = 'sample'`);
  await refreshOf(pair);
  t.deepEqual(service.extents(), [2, 6, 0]);
});

test('an end is not stored if another refresh has replaced the series since it was asked for', async (t) => {
  const { setBars, msft, deps, admin, closes } = await setupStored(t);
  setBars('MSFT', [...msft, wireBar(40, 104)]);
  for (const change of [`update asset set price_source = 'sample' where symbol = 'MSFT'`, 'delete from price']) {
    const faults = {
      ...deps.faults,
      reach: async (...call: Parameters<typeof deps.faults.reach>) => {
        if (call[0] === 'refresh.ensure_assets') await admin.query(change);
        return deps.faults.reach(...call);
      },
    };
    const record = await createRefreshService({ ...deps, faults }).run({
      universe: 'pair',
      trigger: 'request',
    });
    t.like(record, { status: 'succeeded_with_quarantine' }, change);
    t.deepEqual(record.series_held_back[0], { symbol: 'MSFT', reason: 'short_answer' });
    t.false('2003-05-01' in (await closes('MSFT')));
    await admin.query(`update asset set price_source = 'twelve_data'`);
  }
});

test('when the provider fails, the end of an earlier fetch serves a scheduled refresh and restates nothing', async (t) => {
  const { setBars, msft, provider, deps, closes, server } = await setupStored(t);
  const fallback = createFallbackProvider({ provider, cache: makeCache(t), logger: silentLogger });
  const run = () =>
    createRefreshService({ ...deps, provider: fallback }).run({ universe: 'pair', trigger: 'schedule' });
  t.is((await run()).source, 'provider');
  const restated = msft.map((bar) => timesPrices(bar, 0.5));
  setBars('MSFT', restated);
  t.is((await run()).source, 'provider');
  server.fault = { kind: 'status', status: 500 };
  t.like(await run(), { status: 'succeeded', source: 'cache', prices: 2 * overlapBars });
  t.deepEqual(await closes('MSFT'), closesOf(restated));
});

test('an end of an earlier fetch that does not fit to the stored series is not applied', async (t) => {
  const { setBars, msft, provider, deps, closes } = await setupStored(t);
  let answers = Infinity;
  const limited: MarketDataProvider = {
    ...provider,
    fetch: async (...request) => {
      answers -= 1;
      if (answers < 0) throw new AppError('external_api_unavailable');
      return provider.fetch(...request);
    },
  };
  const fallback = createFallbackProvider({ provider: limited, cache: makeCache(t), logger: silentLogger });
  const run = () =>
    createRefreshService({ ...deps, provider: fallback }).run({ universe: 'pair', trigger: 'schedule' });
  t.is((await run()).source, 'provider');
  const before = await closes('MSFT');
  setBars(
    'MSFT',
    msft.map((bar) => timesPrices(bar, 1.006)),
  );
  // The end arrives and is kept for later. The whole history, which it must be replaced with, does not.
  answers = 1;
  t.is((await run()).status, 'failed');
  t.like(await run(), { status: 'failed', reason: 'external_api_unavailable' });
  t.deepEqual(await closes('MSFT'), before);
});

test('after random changes inside of the overlap the stored series are those of the provider', async (t) => {
  const random = createRandom(23);
  const { setBars, refresh, closes, extents } = await setupStored(t);
  let all = bars(40);
  for (let month = 40; month < 70; month += 1) {
    if (random.chance(0.1)) all = all.map((bar) => timesPrices(bar, random.chance(0.5) ? 0.5 : 0.98));
    if (random.chance(0.2)) {
      const place = all.length - 1 - random.below(overlapBars - 1);
      all = all.with(place, timesPrices(all[place]!, 0.97 + 0.06 * random.next()));
    }
    if (random.chance(0.9)) all = [...all, wireBar(month, Number(all.at(-1)!.close) * (0.95 + 0.1 * random.next()))];
    setBars('MSFT', all);
    t.is((await refresh()).quarantined, 0);
    t.deepEqual(await closes('MSFT'), closesOf(all), `month ${month}`);
  }
  const [end = 0, , changed = 0] = extents();
  t.true(end > 30 && changed > 3, 'both kinds of fetch occurred');
});
