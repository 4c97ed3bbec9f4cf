import test from 'ava';
import type { MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { base, type Item } from '../setup-http.ts';
import { desk, setupUniverses } from './setup.ts';

const dates = ['2024-01-02', '2024-01-03', '2024-01-04', '2024-01-05'];
const traded = { AAA: [300, 300, 75, 75], BBB: [100, 100, 100, 110] };
const adjusted = { AAA: [75, 75, 75, 75], BBB: traded.BBB };
const splitDay = 2;

const definition = (source: string): Item => ({
  ...desk(),
  source,
  assets: [{ symbol: 'AAA' }, { symbol: 'BBB' }],
  indexes: ['capitalization_weighted', 'price_weighted'].map((method) => ({
    code: method === 'price_weighted' ? 'PW' : 'CAP',
    name: method,
    method,
    constituents: [{ symbol: 'AAA' }, { symbol: 'BBB' }],
  })),
});

const twelveData: MarketDataProvider = {
  source: 'twelve_data',
  fetch: async () => ({
    source: 'provider',
    series: Object.entries(adjusted).map(([symbol, closes]) => ({
      symbol,
      prices: dates.map((date, day) => ({
        date,
        open: null,
        high: null,
        low: null,
        close: closes[day]!,
        volume: null,
      })),
    })),
  }),
};

/** The closes as they were traded, a split of four for one, and the numbers of shares of the first day and the split. */
const file = (): string => {
  const rows = Object.entries(traded).flatMap(([symbol, closes]) =>
    dates.map((date, day) => {
      const isSplit = symbol === 'AAA' && day === splitDay;
      return [symbol, date, closes[day], isSplit ? 4 : '', isSplit ? 4_000 : day === 0 ? 1_000 : ''].join(',');
    }),
  );
  return `symbol,date,close,split_factor,shares\n${rows.join('\n')}\n`;
};

test('numbers of shares of uploads are not multiplied by prices that are adjusted for splits', async (t) => {
  const http = await setupUniverses(
    t,
    { providers: { twelve_data: twelveData } },
    { sourceFault: () => undefined, providerSource: 'twelve_data' },
  );
  t.is((await http.put('desk', definition('upload'))).status, 201);
  const headers = { 'Content-Type': 'text/csv', Prefer: 'wait=20' };
  const sent = await http.call(`${base}/universes/desk/prices`, { method: 'POST', headers, body: file() });
  t.is(sent.status, 200, await sent.clone().text());
  const values = async (code: string): Promise<number[]> =>
    (
      await http.admin.query(
        'select value from index_value join market_index on id = index_id where code = $1 order by date',
        [code],
      )
    ).map(({ value }) => Number(value));
  // 1,000 shares of 300 or 4,000 of 75, and 1,000 shares of 100, which become 110.
  t.deepEqual(await values('CAP'), [1_000, 1_000, 1_000, 1_025]);

  const changed = await http.put('desk', definition('twelve_data'), { 'If-Match': '"1"' });
  t.is(changed.status, 200, await changed.clone().text());
  t.like(await http.refreshes.run({ universe: 'desk', trigger: 'change' }), {
    status: 'succeeded',
    series_replaced: [
      { symbol: 'AAA', reason: 'source_changed' },
      { symbol: 'BBB', reason: 'source_changed' },
    ],
  });
  t.deepEqual(await http.admin.query('select * from corporate_actions'), []);
  t.deepEqual(await values('CAP'), [], 'no value in place of a wrong one');
  t.is((await values('PW')).length, dates.length);
  t.is(http.metrics.value('volwatch_index_constituents_left_out_total', { universe: 'desk', reason: 'no_shares' }), 2);
});
