import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { cacheHeaders, createCachedReads } from '#src/market-data/reads/cached-reads.ts';
import { createFallbackProvider } from '#src/market-data/providers/fallback-provider.ts';
import type { FetchedUniverse, MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { createSampleFileProvider, sampleDataDirectory } from '#src/market-data/providers/sample-file-provider.ts';
import { bundledUniverses, type Universe } from '#src/market-data/indexes/universes.ts';
import { makeCache } from '#testkit/redis.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

const [tech5] = bundledUniverses as [Universe];
const page = { after: null, from: null, to: null, limit: 101 };

/** Cached reads over queries that record the requested names in `queried`. */
const setupReads = (t: Parameters<typeof makeCache>[0]) => {
  const queried: string[] = [];
  const rows = Array.from({ length: 101 }, (_, day) => ({ date: `row ${day}` }));
  const list = async (name: string): Promise<never[]> => {
    queried.push(name);
    return rows as unknown as never[];
  };
  const queries = { prices: list, indexValues: list, explainIndex: async () => undefined };
  const reads = createCachedReads({
    cache: makeCache(t),
    queries,
    uncached: queries,
    universes: fixedUniverses(bundledUniverses),
    logger: silentLogger,
  });
  return { reads, queried };
};

test('after a commit only the first pages of the refreshed universe are loaded again', async (t) => {
  const { reads, queried } = setupReads(t);
  await reads.warmUp();
  t.deepEqual([...queried].sort(), ['AAPL', 'AMZN', 'GOOG', 'IBM', 'MSFT', 'SP500', 'TECH5_EW', 'TECH5_PW', '^GSPC']);
  t.is((await reads.prices('AAPL', page)).state, 'hit');
  queried.length = 0;
  await reads.committed(tech5);
  t.deepEqual([...queried].sort(), ['AAPL', 'AMZN', 'GOOG', 'IBM', 'MSFT', 'TECH5_EW', 'TECH5_PW']);
  t.is((await reads.prices('AAPL', page)).state, 'hit');
  t.is((await reads.indexValues('SP500', page)).state, 'hit');
});

test('one entry serves the first pages of a list; other pages and unknown names are not cached', async (t) => {
  const { reads, queried } = setupReads(t);
  for (const limit of [1, 101, 2]) {
    const { value } = await reads.prices('AAPL', { ...page, limit });
    t.is(value?.length, limit);
  }
  t.is(queried.length, 1);
  const others = [{ limit: 102 }, { from: '2000-01-01' }, { to: '2000-01-01' }, { after: '2000-01-01' }];
  for (const other of others) {
    for (const _ of [1, 2]) t.is((await reads.prices('AAPL', { ...page, ...other })).state, 'miss');
  }
  t.is(queried.length, 1 + 2 * others.length);
  for (const _ of [1, 2]) t.is((await reads.prices('UNKNOWN', page)).state, 'miss');
});

test('the cache headers contain age and state', (t) => {
  t.deepEqual(cacheHeaders({ state: 'miss', ageMs: 0 }), { 'Cache-Status': 'volwatch; fwd=miss' });
  t.deepEqual(cacheHeaders({ state: 'hit', ageMs: 2_900 }), { Age: '2', 'Cache-Status': 'volwatch; hit' });
  t.like(cacheHeaders({ state: 'last_known_good', ageMs: 90_000 }), {
    Age: '90',
    'Cache-Status': 'volwatch; hit; detail=last_known_good',
    Warning: '111 volwatch "Revalidation Failed"',
  });
});

test('with fallback allowed, data of an earlier fetch are used and marked; without it the fetch fails', async (t) => {
  const sample = createSampleFileProvider({ directory: sampleDataDirectory });
  let code: 'external_api_unavailable' | 'shutting_down' | undefined;
  const provider: MarketDataProvider = {
    source: 'sample',
    fetch: async (...call): Promise<FetchedUniverse> => {
      if (code) throw new AppError(code);
      return sample.fetch(...call);
    },
  };
  let now = Date.parse('2026-01-01T00:00:00Z');
  const clock = { now: () => new Date(now), monotonic: () => now };
  const fallback = createFallbackProvider({
    provider,
    cache: makeCache(t, { clock, staleMs: 86_400_000 }),
    logger: silentLogger,
  });
  const signal = new AbortController().signal;
  const fetch = (allowed: boolean) => fallback.fetch(tech5, signal, { fallback: allowed });

  code = 'external_api_unavailable';
  await t.throwsAsync(fetch(true), { instanceOf: AppError });
  code = undefined;
  t.is((await fetch(false)).source, 'provider');
  code = 'external_api_unavailable';
  const cached = await fetch(true);
  t.is(cached.source, 'cache');
  t.deepEqual(cached.series, (await sample.fetch(tech5, signal, { fallback: false })).series);
  now += 2 * 3_600_000;
  t.is((await fetch(true)).source, 'last_known_good');
  await t.throwsAsync(fetch(false), { instanceOf: AppError });
  code = 'shutting_down';
  await t.throwsAsync(fetch(true), { instanceOf: AppError });
});

test('an earlier fetch is no fallback for another interval, first day or symbol of the provider', async (t) => {
  let fails = false;
  const sample = createSampleFileProvider({ directory: sampleDataDirectory });
  const provider: MarketDataProvider = {
    source: 'sample',
    fetch: async (universe, signal, options) => {
      if (fails) throw new AppError('external_api_unavailable');
      return sample.fetch(universe, signal, options);
    },
  };
  const fallback = createFallbackProvider({ provider, cache: makeCache(t), logger: silentLogger });
  const fetch = (universe: Universe) => fallback.fetch(universe, new AbortController().signal, { fallback: true });
  const [first, ...others] = tech5.assets as [Universe['assets'][0], ...Universe['assets']];
  const changed: readonly Universe[] = [
    { ...tech5, interval: '1week' },
    { ...tech5, from: '1990-01-01' },
    { ...tech5, assets: [{ ...first, providerSymbol: 'OTHER' }, ...others] },
    { ...tech5, assets: others },
  ];
  await fetch(tech5);
  fails = true;
  for (const universe of changed) {
    await t.throwsAsync(fetch(universe), { code: 'external_api_unavailable' } as never);
  }
  t.is(
    (await fetch({ ...tech5, assets: [{ ...first, providerSymbol: first.symbol, name: 'Other' }, ...others] })).source,
    'cache',
  );
});

test('a fetch of many bars is not stored for a fallback, and its text is not made as a whole', async (t) => {
  const barsOf = (count: number) =>
    Array.from({ length: count }, (_, day) => ({
      date: new Date(Date.UTC(1900, 0, 1 + day)).toISOString().slice(0, 10),
      open: 100.123_456_789,
      high: 100.123_456_789,
      low: 100.123_456_789,
      close: 100.123_456_789,
      volume: 1_000_000,
    }));
  let count = 20_000;
  const provider: MarketDataProvider = {
    source: 'sample',
    fetch: async ({ assets }): Promise<FetchedUniverse> => ({
      source: 'provider',
      series: assets.map(({ symbol }) => ({ symbol, prices: barsOf(count) })),
    }),
  };
  const lengths: number[] = [];
  const cache = makeCache(t, {});
  const fallback = createFallbackProvider({
    provider,
    cache: { ...cache, put: async (_, value) => void lengths.push(JSON.stringify(value).length) },
    logger: silentLogger,
  });
  const signal = new AbortController().signal;
  const part = { ...tech5, assets: tech5.assets.slice(0, 2) };
  t.is((await fallback.fetch(part, signal, { fallback: false })).series.length, 2);
  t.is(lengths.length, 1);
  t.true(lengths[0]! < 4 * 2 ** 20);
  count = 40_000;
  const large = await fallback.fetch(part, signal, { fallback: false });
  t.is(large.series[1]!.prices.length, 40_000);
  t.is(lengths.length, 1);
});
