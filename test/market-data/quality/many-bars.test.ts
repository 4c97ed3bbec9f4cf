import test from 'ava';
import { createMeasurement } from '#src/market-data/quality/measure-quality.ts';
import { setup } from '../setup.ts';

test('no statement of a check reads more than a million bars, and each asset is counted once', async (t) => {
  const { admin, database } = await setup(t);
  await admin.query(
    `insert into universe (name, version, origin, source, interval, definition, created_at, updated_at)
     values ('long', 1, 'api', 'upload', '1day', '{}', now(), now())`,
  );
  await admin.query(`insert into asset (symbol, name, exchange, currency)
    select 'L' || lpad(number::text, 2, '0'), '', '', 'USD' from generate_series(1, 45) as number`);
  await admin.query(`insert into universe_asset (universe, symbol) select 'long', symbol from asset`);
  // A series of two centuries may have 50,000 bars, whatever it has. Those of the last five assets are short.
  await admin.query(
    `insert into price (asset_id, date, close) select id, day, 1 from asset cross join unnest($1::date[]) as day
    where symbol <= 'L40' or day > '2024-01-01'`,
    [['1800-01-02', '2024-03-04', '2024-03-06']],
  );
  const assets: number[] = [];
  const query = (async (text: string, parameters: readonly unknown[]) => {
    if (text.includes('as recent_bars')) assets.push((parameters[0] as unknown[]).length);
    return database.reader.query(text, parameters);
  }) as typeof database.reader.query;
  const measured = await createMeasurement({ query })({
    universe: 'long',
    interval: '1day',
    periods: ['2024-03-04', '2024-03-05', '2024-03-06'],
    expectedDay: '2024-03-06',
    recentFrom: '2024-03-01',
    signal: AbortSignal.timeout(60_000),
  });
  t.deepEqual(assets, [20, 20, 5]);
  t.like(measured, { fresh: 45, stale: 0, missing_recent: 45, missing_older: 0, missing_assets: 45 });
});
