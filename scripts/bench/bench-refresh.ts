/**
 * Compares the store step of a refresh with a raw `insert ... select unnest` of the same rows on the same server: `node
 * scripts/bench/bench-refresh.ts`. Both run alternately, each in its own transaction on an empty table. The exit status
 * is 1 if the store step has less than half the raw speed.
 */
import pg from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import type { FetchedUniverse, PriceBar } from '#src/market-data/providers/provider.ts';
import { storeSeries } from '#src/market-data/series/store-series.ts';
import { arrayLiteral } from '#src/market-data/sql.ts';
import { median } from '#testkit/measures/statistics.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { withScope } from '../verify/scope.ts';

const assetCount = 20;
const barsPerAsset = 5_000;
const rounds = 9;
const leastRatio = 0.5;

const barOf = (asset: number, day: number): PriceBar => {
  const close = 100 + asset + Math.sin(day) * 10;
  const date = new Date(Date.UTC(2000, 0, 1 + day)).toISOString().slice(0, 10);
  return { date, open: close - 1, high: close + 2, low: close - 2, close, volume: 1_000_000 + day };
};
const fetched: FetchedUniverse = {
  source: 'provider',
  series: Array.from({ length: assetCount }, (_, asset) => ({
    symbol: `S${asset}`,
    prices: Array.from({ length: barsPerAsset }, (__, day) => barOf(asset, day)),
  })),
};

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};

const measure = async (url: string): Promise<{ readonly viaUnitOfWork: number; readonly raw: number }> => {
  const database = await createDatabase({
    url,
    ssl: 'disable',
    poolMax: 5,
    acquireTimeoutMs: 1_000,
    statementTimeoutMs: 60_000,
    idleInTransactionTimeoutMs: 60_000,
    applicationName: 'bench',
    maxTransactionRetries: 0,
    entities: marketDataEntities,
    logger,
    metrics,
    clock: systemClock,
  });
  const client = new pg.Client({ connectionString: url });
  try {
    await database.migrator.up();
    await client.connect();
    const { rows } = await client.query<{ id: number; symbol: string }>(
      `insert into asset (symbol, name, exchange, currency)
       select 'S' || n, 'n', 'e', 'USD' from generate_series(0, $1) n returning id, symbol`,
      [assetCount - 1],
    );
    const assets = new Map(rows.map(({ id, symbol }) => [symbol, id]));
    const bars = fetched.series.flatMap(({ symbol, prices }) =>
      prices.map((bar) => ({ asset: assets.get(symbol) ?? 0, bar })),
    );
    const columns = [
      bars.map(({ asset }) => asset),
      ...(['date', 'open', 'high', 'low', 'close', 'volume'] as const).map((name) => bars.map(({ bar }) => bar[name])),
    ].map(arrayLiteral);

    const raw = async (): Promise<void> => {
      await client.query('begin');
      await client.query(
        `insert into price (asset_id, date, open, high, low, close, volume) select * from
         unnest($1::int[], $2::date[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])`,
        columns,
      );
      await client.query('commit');
    };
    const request = {
      refreshId: '00000000-0000-4000-8000-000000000000',
      universe: { from: '2000-01-01', interval: '1day' },
      assets,
      fetched,
      source: 'sample',
      quarantineFactor: 5,
    } as const;
    const viaUnitOfWork = (): Promise<unknown> =>
      database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) => storeSeries(transaction, request));

    const times: { readonly viaUnitOfWork: number[]; readonly raw: number[] } = { viaUnitOfWork: [], raw: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, work] of Object.entries({ viaUnitOfWork, raw }) as [
        'viaUnitOfWork' | 'raw',
        () => Promise<unknown>,
      ][]) {
        await client.query('truncate price');
        await client.query('checkpoint');
        times[name].push(await timed(work));
      }
    }
    return { viaUnitOfWork: median(times.viaUnitOfWork), raw: median(times.raw) };
  } finally {
    await client.end();
    await database.close();
  }
};

await withScope(async (scope) => {
  const { url } = await startTemporaryPostgres(scope, { name: 'bench', durable: true });
  const { viaUnitOfWork, raw } = await measure(url);
  const ratio = raw / viaUnitOfWork;
  console.log(`${(assetCount * barsPerAsset).toLocaleString('en')} price rows, median of ${rounds} rounds, in turns:`);
  console.log(`  store step of the refresh      ${viaUnitOfWork.toFixed(0)} ms`);
  console.log(`  raw insert ... select unnest   ${raw.toFixed(0)} ms`);
  console.log(`  speed relative to raw          ${ratio.toFixed(2)} (at least ${leastRatio})`);
  return ratio >= leastRatio;
});
