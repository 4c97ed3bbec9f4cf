import test from 'ava';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { FetchedUniverse, MarketDataProvider, PriceBar } from '#src/market-data/providers/provider.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import { planSeries as planSteps } from '#src/market-data/series/plan-series.ts';
import { createSampleFileProvider, sampleDataDirectory } from '#src/market-data/providers/sample-file-provider.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { fingerprint, setup } from './setup.ts';

const planSeries = (...given: Parameters<typeof planSteps>) => runAtOnce(planSteps(...given));

const sample = createSampleFileProvider({ directory: sampleDataDirectory });
const bar = (day: number, close: number, high: number | null = null): PriceBar => ({
  date: `2000-01-${String(day).padStart(2, '0')}`,
  open: null,
  high,
  low: null,
  close,
  volume: null,
});
const daily = { source: 'sample', interval: '1day', current: true, quarantineFactor: 5 } as const;
const quarantinedDays = (prices: readonly PriceBar[], stored: readonly PriceBar[] = []): string[] =>
  planSeries(
    { symbol: 'X', prices },
    { origin: { source: 'sample', interval: '1day' }, bars: stored, before: undefined },
    daily,
  ).held.map(({ date }) => date);

test('quarantined are a spike, a collapse, a large high, a large first bar, and a change of a stored close', (t) => {
  t.deepEqual(quarantinedDays([bar(3, 10), bar(4, 49), bar(5, 11)]), []);
  t.deepEqual(quarantinedDays([bar(3, 10), bar(4, 51), bar(5, 11)]), ['2000-01-04']);
  t.deepEqual(quarantinedDays([bar(3, 10), bar(4, 1.9), bar(5, 11)]), ['2000-01-04']);
  t.deepEqual(quarantinedDays([bar(3, 10), bar(4, 10, 500), bar(5, 11)]), ['2000-01-04']);
  t.deepEqual(quarantinedDays([bar(3, 1000), bar(4, 10), bar(5, 11)]), ['2000-01-03']);
  t.deepEqual(quarantinedDays([bar(3, 1000), bar(4, 1010)], [bar(3, 10)]), ['2000-01-03', '2000-01-04']);
  t.deepEqual(quarantinedDays([bar(3, 100)], [bar(3, 30)]), []);
});
/** The sample data. The close of AAPL on 2005-01-01 is multiplied by `factor()`. */
const spiked = (factor: () => number): MarketDataProvider => ({
  source: 'sample',
  fetch: async (universe, signal, options): Promise<FetchedUniverse> => {
    const { source, series } = await sample.fetch(universe, signal, options);
    const change = (each: PriceBar): PriceBar =>
      each.date === '2005-01-01' ? { ...each, close: each.close * factor() } : each;
    return {
      source,
      series: series.map(({ symbol, prices }) => ({
        symbol,
        prices: symbol === 'AAPL' ? prices.map(change) : prices,
      })),
    };
  },
});

test('a refresh stores all other bars, and records and reports the quarantined ones', async (t) => {
  let factor = 1;
  const errors: Record<string, unknown>[] = [];
  const nothing = (): void => {};
  const logger: Logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (fields) => errors.push({ ...fields }),
  };
  const { refreshes, admin, metrics } = await setup(t, { service: { provider: spiked(() => factor), logger } });
  t.like(await refreshes.run({ universe: 'tech5', trigger: 'startup' }), { prices: 560, quarantined: 0 });
  const before = await fingerprint(admin);

  factor = 40;
  const record = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  t.like(record, { status: 'succeeded_with_quarantine', prices: 559, quarantined: 1, error: null });
  t.deepEqual(await fingerprint(admin), before);
  const rows = await admin.query(
    `select refresh_id, symbol, date::text, price / reference as ratio
     from price_quarantine join asset on asset.id = asset_id`,
  );
  t.deepEqual(rows, [{ refresh_id: record.id, symbol: 'AAPL', date: '2005-01-01', ratio: 40 }]);
  t.is(metrics.value('volwatch_prices_quarantined_total', { universe: 'tech5' }), 1);
  t.like(errors[0], { universe: 'tech5', refresh_id: record.id, quarantined: 1 });
});

test('no bar of the sample data is quarantined', async (t) => {
  for (const universe of bundledUniverses) {
    const { series } = await sample.fetch(universe, AbortSignal.timeout(5_000), { fallback: false });
    const context = { ...daily, interval: universe.interval };
    const nothing = { origin: { source: null, interval: null }, bars: [], before: undefined };
    for (const each of series) t.is(planSeries(each, nothing, context).heldCount, 0);
  }
});
