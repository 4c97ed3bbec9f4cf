import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { assertFetched } from '#src/market-data/providers/provider.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { createSampleFileProvider, sampleDataDirectory } from '#src/market-data/providers/sample-file-provider.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { indexPoints } from '#testkit/market-data/index-points.ts';
import { lastIndexValues } from '#testkit/market-data/sample-results.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';

const signal = new AbortController().signal;
const provider = createSampleFileProvider({ directory: sampleDataDirectory });
const [tech5, sp500] = bundledUniverses as [Universe, Universe];

test('the sample data of both universes are valid and have the documented number of rows', async (t) => {
  for (const [universe, rows] of [
    [tech5, 560],
    [sp500, 5105],
  ] as const) {
    const fetched = await provider.fetch(universe, signal, { fallback: false });
    await t.notThrowsAsync(() => assertFetched(universe, fetched));
    t.is(fetched.source, 'provider');
    t.is(
      fetched.series.reduce((sum, { prices }) => sum + prices.length, 0),
      rows,
    );
  }
});

test('the sample provider reads all columns, and missing columns are null', async (t) => {
  const monthly = (await provider.fetch(tech5, signal, { fallback: false })).series.find(
    ({ symbol }) => symbol === 'MSFT',
  );
  t.deepEqual(monthly?.prices[0], {
    date: '2000-01-01',
    open: null,
    high: null,
    low: null,
    close: 39.81,
    volume: null,
  });
  const daily = (await provider.fetch(sp500, signal, { fallback: false })).series[0];
  t.deepEqual(daily?.prices[0], {
    date: '2000-01-03',
    open: 1469.25,
    high: 1478,
    low: 1438.359985,
    close: 1455.219971,
    volume: 931_800_000,
  });
});

test('the last values of the indexes of the sample data are as documented', async (t) => {
  for (const universe of bundledUniverses) {
    const { series } = await provider.fetch(universe, signal, { fallback: false });
    for (const index of universe.indexes) {
      const prices = index.constituents.map((symbol) => series.find((one) => one.symbol === symbol)!.prices);
      const last = indexPoints(index, prices).at(-1)!;
      const expected = lastIndexValues.find(({ code }) => code === index.code);
      if (!expected) {
        t.fail(`${index.code} has no value in testkit/market-data/sample-results.ts`);
        continue;
      }
      t.is(last.date, expected.date);
      t.true(Math.abs(last.value / expected.value - 1) < 1e-9, `${index.code} ${last.value}`);
    }
  }
});

test('the sample provider throws an AppError for an unknown universe, a missing directory and an aborted read', async (t) => {
  const unknown = await t.throwsAsync(provider.fetch({ ...tech5, name: 'constructor' }, signal, { fallback: false }), {
    instanceOf: AppError,
  });
  t.is(unknown?.code, 'external_api_unavailable');
  const nowhere = createSampleFileProvider({ directory: '/nonexistent' });
  const missing = await t.throwsAsync(nowhere.fetch(tech5, signal, { fallback: false }), { instanceOf: AppError });
  t.is(missing?.code, 'external_api_unavailable');
  t.notRegex(missing?.message ?? '', /nonexistent/);
  await t.throwsAsync(provider.fetch(tech5, AbortSignal.abort(), { fallback: false }), { instanceOf: AppError });
});

const plain: PriceBar = { date: '2000-01-03', open: 1, high: 1, low: 1, close: 1, volume: 0 };
const bar = (change: Partial<PriceBar> = {}): PriceBar => ({ ...plain, ...change });
const gspc = (...prices: PriceBar[]) => [{ symbol: '^GSPC', prices }];
const dailySplits = (count: number): PriceBar[] =>
  Array.from({ length: count }, (_, index) =>
    bar({
      date: new Date(Date.UTC(2000, 0, 3 + index)).toISOString().slice(0, 10),
      splitFactor: index % 2 ? 0.8 : 1.25,
    }),
  );
const daysFrom = (count: number): PriceBar[] =>
  Array.from({ length: count }, (_, day) =>
    bar({ date: new Date(Date.UTC(1850, 0, 1 + day)).toISOString().slice(0, 10) }),
  );

const badAnswers = {
  'a close of NaN': gspc(bar({ close: Number.NaN })),
  'a close of 0': gspc(bar({ close: 0 })),
  'a negative close': gspc(bar({ close: -1 })),
  'an infinite close': gspc(bar({ close: Infinity })),
  'an open of NaN': gspc(bar({ open: Number.NaN })),
  'a low of 0': gspc(bar({ low: 0 })),
  'a volume of NaN': gspc(bar({ volume: Number.NaN })),
  'a negative volume': gspc(bar({ volume: -1 })),
  'a day that does not exist': gspc(bar({ date: '2001-02-29' })),
  'a day twice': gspc(bar(), bar()),
  'days backwards': gspc(bar({ date: '2000-01-04' }), bar()),
  'more splits than a share has had': gspc(...dailySplits(1_001)),
  'splits whose product no share has had': gspc(...dailySplits(52).map((bar) => ({ ...bar, splitFactor: 1e6 }))),
  'more bars than a share has had': gspc(...daysFrom(50_001)),
  'no bars': gspc(),
  'no series': [],
  'a series twice': [...gspc(bar()), ...gspc(bar())],
  'a symbol not asked for': [...gspc(bar()), { symbol: 'MSFT', prices: [bar()] }],
};

for (const [what, series] of Object.entries(badAnswers)) {
  test(`assertFetched refuses ${what}`, async (t) => {
    const error = await t.throwsAsync(assertFetched(sp500, { source: 'provider', series }), { instanceOf: AppError });
    t.is(error?.code, 'external_api_bad_response');
  });
}

test('assertFetched accepts 1,000 splits', async (t) => {
  await t.notThrowsAsync(() => assertFetched(sp500, { source: 'provider', series: gspc(...dailySplits(1_000)) }));
});

test('assertFetched accepts missing columns', async (t) => {
  await t.notThrowsAsync(() =>
    assertFetched(sp500, {
      source: 'provider',
      series: gspc(bar({ open: null, high: null, low: null, volume: null })),
    }),
  );
});

test('assertFetched accepts the end of a series without bars, and refuses bars before its first day', async (t) => {
  const end = (since: string, prices: readonly PriceBar[]) =>
    assertFetched(sp500, { source: 'provider', series: [{ symbol: '^GSPC', prices, since }] });
  const [first] = gspc(bar())[0]!.prices;
  await t.notThrowsAsync(() => end(first!.date, [first!]));
  await t.notThrowsAsync(() => end(first!.date, []));
  const error = await t.throwsAsync(end('2999-01-01', [first!]), { instanceOf: AppError });
  t.is(error?.code, 'external_api_bad_response');
});

test('a long answer is checked in turns of the event loop, as many as a series may have bars', async (t) => {
  let ended = false;
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (!ended) setImmediate(count);
  };
  setImmediate(count);
  await assertFetched(sp500, { source: 'provider', series: gspc(...daysFrom(50_000)) });
  ended = true;
  t.true(turns > 1, `${turns} turns`);
});
