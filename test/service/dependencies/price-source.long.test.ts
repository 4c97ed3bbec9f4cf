import test from 'ava';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, metric, refresh, scrape, serve, takeToken } from '#testkit/running-service.ts';
import { apiKey, startTwelveDataServer } from '#testkit/servers/providers/twelve-data-server.ts';

const seriesOf = (database: TestDatabase) =>
  database.query(
    `select symbol, price_source as source, count(date)::int as bars, min(date)::text as first, max(close) as highest
     from asset left join price on asset_id = asset.id group by symbol, price_source order by symbol`,
  );
const monthly = (source: string, symbol: string, close: number) => ({
  symbol,
  source,
  bars: 24,
  first: '2000-01-01',
  highest: close * 1.23,
});
const rounded = (rows: readonly Record<string, unknown>[]) =>
  rows.map((row) => ({ ...row, highest: Math.round(Number(row['highest']) * 1e4) / 1e4 }));

test('the first refreshes from Twelve Data replace the sample series as a whole, at the start and by request', async (t) => {
  const database = await setupDatabase(t);
  const provider = await startTwelveDataServer(t);
  const environment = { DATABASE_URL: database.url, RATE_LIMIT_ENABLED: 'false', LOG_LEVEL: 'info' };
  const sample = await serve(t, environment);
  await eventually(
    async () => (await database.query(`select 1 from refresh where status = 'succeeded'`)).length === 2,
    'the sample data are loaded',
  );
  t.like(
    (await seriesOf(database)).find(({ symbol }) => symbol === 'AAPL'),
    { source: 'sample', bars: 123 },
  );
  await sample.stop(5_000);

  // The data are fresh, but of another source: the start refreshes them.
  const service = await serve(t, {
    ...environment,
    MARKET_DATA_PROVIDER: 'twelve_data',
    TWELVE_DATA_API_KEY: apiKey,
    TWELVE_DATA_BASE_URL: provider.url,
    TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
  });
  await eventually(
    async () => (await database.query(`select 1 from refresh where status = 'succeeded'`)).length === 4,
    'the series are replaced',
  );
  const expected = ['AAPL', 'AMZN', 'GOOG', 'IBM', 'MSFT'].map((symbol) => {
    const place = ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'].indexOf(symbol);
    return monthly('twelve_data', symbol, 50 + place);
  });
  const stored = await seriesOf(database);
  t.deepEqual(rounded(stored.filter(({ symbol }) => symbol !== '^GSPC')), rounded(expected));
  t.like(
    stored.find(({ symbol }) => symbol === '^GSPC'),
    { source: 'twelve_data', bars: 5_300 },
  );

  const token = await takeToken(service);
  const list = await call(`${service.url}/api/v1/refreshes`, { headers: { Authorization: `Bearer ${token}` } });
  const records = (list.body['data'] as Record<string, unknown>[]).filter(
    ({ series_replaced: replaced }) => (replaced as unknown[]).length > 0,
  );
  t.deepEqual(
    records
      .map(({ universe, status, quarantined }) => ({ universe, status, quarantined }))
      .toSorted((a, b) => (String(a.universe) < String(b.universe) ? -1 : 1)),
    ['sp500', 'tech5'].map((universe) => ({ universe, status: 'succeeded', quarantined: 0 })),
  );
  t.deepEqual(records.find(({ universe }) => universe === 'sp500')?.['series_replaced'], [
    { symbol: '^GSPC', reason: 'source_changed' },
  ]);
  t.is(metric(await scrape(service), 'volwatch_series_replaced_total', { reason: 'source_changed' }), 6);
  t.is(metric(await scrape(service), 'volwatch_series_replaced_total', { reason: 'restated' }), 0);
  const values = await call(`${service.url}/api/v1/indexes/TECH5_PW/values`);
  const data = values.body['data'] as { value: number }[];
  t.is(data.length, 24);
  t.true(Math.abs(data.at(-1)!.value - 1_230) < 1e-6);

  const again = await refresh(service, token, 'tech5');
  // Only the end of the five series is fetched: ten bars each.
  t.like(again.body, { status: 'succeeded', quarantined: 0, series_replaced: [], prices: 50 });
  await service.stop(5_000);

  // A start with the sample data alone replaces nothing; a requested refresh does.
  const back = await serve(t, environment);
  await back.logged(({ message }) => message === 'started');
  const backToken = await takeToken(back);
  const replaced = await refresh(back, backToken, 'sp500');
  t.like(replaced.body, { status: 'succeeded', prices: 5_105 });
  t.deepEqual(replaced.body['series_replaced'], [{ symbol: '^GSPC', reason: 'source_changed' }]);
  t.like((await seriesOf(database))[0], { source: 'twelve_data', bars: 24 });
});

test('series of a version that did not record the source: an answer that fits is adopted, another one replaces them', async (t) => {
  const database = await setupDatabase(t);
  const provider = await startTwelveDataServer(t);
  const environment = { DATABASE_URL: database.url, RATE_LIMIT_ENABLED: 'false' };
  const sample = await serve(t, environment);
  const succeeded = async () => (await database.query(`select 1 from refresh where status = 'succeeded'`)).length === 2;
  await eventually(succeeded, 'the sample data are loaded');
  const forget = () => database.query('update asset set price_source = null, price_interval = null');
  await forget();
  const adopted = await refresh(sample, await takeToken(sample), 'tech5');
  t.like(adopted.body, { status: 'succeeded', series_replaced: [], quarantined: 0, prices: 560 });
  t.like((await seriesOf(database))[0], { source: 'sample', bars: 123 });
  await forget();
  await sample.stop(5_000);

  const service = await serve(t, {
    ...environment,
    MARKET_DATA_PROVIDER: 'twelve_data',
    TWELVE_DATA_API_KEY: apiKey,
    TWELVE_DATA_BASE_URL: provider.url,
    TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
  });
  const replaced = await refresh(service, await takeToken(service), 'tech5');
  t.like(replaced.body, { status: 'succeeded', quarantined: 0, prices: 120 });
  t.true((replaced.body['series_replaced'] as unknown[]).length > 0);
  const bars = (await seriesOf(database)).filter(({ symbol }) => symbol !== '^GSPC').map((row) => row['bars']);
  t.deepEqual(bars, [24, 24, 24, 24, 24]);
});
