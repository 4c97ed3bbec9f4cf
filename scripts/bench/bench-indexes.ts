/**
 * The calculation of four indexes over a large universe: `ASSETS=500 BARS=5000 npm run bench:indexes`. It prints the time
 * of a calculation from the first day, and of one new bar for each asset; the max time that the event loop was blocked;
 * and the time of an explanation that is not cached.
 */
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import pg from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { calculateIndexValues } from '#src/market-data/indexes/calculate-index-values.ts';
import type { IndexDefinition, Universe } from '#src/market-data/indexes/universes.ts';
import { createExplainIndex } from '#src/market-data/reads/explain-index.ts';
import { createExplanationPlaces } from '#src/market-data/reads/explanation-places.ts';
import { toDocument, toUniverse } from '#src/market-data/universes/universe-document.ts';
import { databaseSettings } from '#testkit/database.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { withScope } from '../verify/scope.ts';

const assetCount = Number(process.env['ASSETS'] ?? 500);
const barCount = Number(process.env['BARS'] ?? 5_000);
const symbols = Array.from({ length: assetCount }, (_, asset) => `S${asset + 1}`);
const weight = 1 / assetCount;
const indexes: readonly IndexDefinition[] = [
  { code: 'EW', name: 'EW', method: 'equal_weighted', constituents: symbols },
  { code: 'PW', name: 'PW', method: 'price_weighted', constituents: symbols },
  { code: 'CW', name: 'CW', method: 'capitalization_weighted', returnType: 'total', constituents: symbols },
  {
    code: 'FW',
    name: 'FW',
    method: 'fixed_weights',
    rebalance: 'monthly',
    constituents: symbols,
    terms: new Map(symbols.map((symbol) => [symbol, { weight }])),
  },
];
const defined: Universe = {
  name: 'large',
  interval: '1day',
  from: '2000-01-01',
  assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes,
};
const document = toDocument('', defined);
// As a refresh reads it, because an explanation needs values of the stored definition.
const universe = toUniverse('large', 1, document);
const fill = [
  `insert into asset (symbol, name, exchange, currency) select 'S' || n, 'n', 'X', 'USD' from generate_series(1, $1::int) as n`,
  `insert into price (asset_id, date, close)
   select asset, date '2000-01-01' + day, 100 + asset / 10.0 + sin(day + asset) * 5
   from generate_series(1, $1::int) as asset, generate_series(0, $2::int - 1) as day`,
  `insert into corporate_actions (asset_id, date, shares) select n, '2000-01-01', 1000 + n from generate_series(1, $1::int) as n`,
  `insert into corporate_actions (asset_id, date, dividend)
   select asset, date '2000-01-01' + 90 * quarter, 0.5
   from generate_series(1, $1::int) as asset, generate_series(1, ($2::int - 1) / 90) as quarter`,
];

await withScope(async (scope) => {
  const postgres = await startTemporaryPostgres(scope, { name: 'bench', durable: true });
  const database = await createDatabase({ ...databaseSettings(postgres.url), entities: marketDataEntities });
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  for (const statement of fill) {
    await client.query(statement, statement.includes('$2') ? [assetCount, barCount] : [assetCount]);
  }
  await client.query(`insert into universe values ('large', 1, 'api', 'upload', '1day', $1, now(), now())`, [
    JSON.stringify(document),
  ]);
  for (const { code, method } of indexes) {
    await client.query(`insert into market_index (code, name, universe, method) values ($1, $1, 'large', $2)`, [
      code,
      method,
    ]);
  }
  await client.query('vacuum analyze');
  const ids = {
    assets: new Map(symbols.map((symbol, index) => [symbol, index + 1])),
    indexes: new Map(indexes.map(({ code }, index) => [code, index + 1])),
  };

  const measure = async (name: string, work: () => Promise<string>): Promise<void> => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    let resident = 0;
    const watch = setInterval(() => (resident = Math.max(resident, process.memoryUsage.rss())), 50);
    delay.enable();
    const began = performance.now();
    const result = await work();
    const seconds = (performance.now() - began) / 1_000;
    clearInterval(watch);
    delay.disable();
    console.log(
      `${name}: ${seconds.toFixed(2)} s, loop blocked ${(delay.max / 1e6).toFixed(0)} ms, ` +
        `${(resident / 2 ** 20).toFixed(0)} MiB resident; ${result}`,
    );
  };
  const calculate = (from: string | null) => async (): Promise<string> => {
    const { values, extents } = await database.unitOfWork.run(
      { operation: 'refresh.apply', statementTimeoutMs: 600_000 },
      (transaction) => calculateIndexValues(transaction, ids, universe, { from, sharedSymbols: new Set() }),
    );
    return `${values} values, ${extents.join(' ')}`;
  };
  const dayOf = (day: number): string => new Date(Date.UTC(2000, 0, 1 + day)).toISOString().slice(0, 10);

  console.log(`${assetCount} assets, ${barCount} bars each, ${indexes.length} indexes`);
  await measure('all days', calculate(null));
  for (const day of [barCount, barCount + 1]) {
    await client.query(
      `insert into price (asset_id, date, close) select n, $2, 100 from generate_series(1, $1::int) as n`,
      [assetCount, dayOf(day)],
    );
    await measure('one new bar each', calculate(dayOf(day)));
  }
  await measure('nothing new', calculate(null));
  const explain = createExplainIndex(
    database.reader,
    createExplanationPlaces({ abuse: { refused: () => {} }, metrics: noMetrics }),
  );
  for (const date of [dayOf(barCount), dayOf(Math.floor(barCount / 64) * 32 - 1)]) {
    await measure(`explanation of ${date}`, async () => {
      const explained = await explain('CW', date);
      return `${explained?.constituents.length} constituents`;
    });
  }
  await client.end();
  await database.close();
  return true;
});
