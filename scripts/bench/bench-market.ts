/**
 * A daily refresh of a large universe with four indexes: `ASSETS=500 BARS=5000 npm run bench:market`. SQL makes the stored
 * bars. The provider answers as one that can limit its answer: with an overlap and one new bar of each asset. It prints the
 * time of each refresh, the written WAL, the max time that the event loop was blocked (by the clock, and by the processor
 * time of its thread, which other work on the machine does not change), the max resident memory, and the duration of index
 * reads. The first calculation and the daily refreshes have a process each, with the memory settings of `npm start`.
 * `EXPLAIN=1` prints how PostgreSQL reads the prices. `DATA=directory` keeps the database there, and the next run with the
 * same directory does the daily refreshes only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { databaseSettings } from '#testkit/database.ts';
import { allocatorSettings } from '#testkit/service.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { createScope } from '#testkit/scope.ts';
import { fillMarket } from './market/large-universe.ts';

const assetCount = Number(process.env['ASSETS'] ?? 500);
const barCount = Number(process.env['BARS'] ?? 5_000);

/** Runs a part of the bench in a new process, so that its memory is its own. */
const runPart = async (url: string, part: 'first' | 'daily', storedBars: number): Promise<void> => {
  const script = join(import.meta.dirname, 'market/refreshes.ts');
  const child = spawn(process.execPath, [script, url, part, String(storedBars)], {
    stdio: 'inherit',
    env: { ...process.env, ...allocatorSettings },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The part ${part} failed`);
};

const kept = process.env['DATA'];
const scope = createScope();
const postgres = await startTemporaryPostgres(scope, { name: 'bench', durable: true, keptIn: kept });
const client = new pg.Client({ connectionString: postgres.url });
try {
  const database = await createDatabase({ ...databaseSettings(postgres.url), entities: marketDataEntities });
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  await database.close();
  await client.connect();
  const began = performance.now();
  const isFilled = (await client.query('select from universe')).rowCount !== 0;
  if (!isFilled) await fillMarket(client, assetCount, barCount);
  const { rows } = await client.query<{ mebibytes: number; assets: number; bars: number }>(
    `select pg_total_relation_size('price')::float8 / 1048576 as mebibytes,
       (select count(*)::int from asset) as assets, (select count(*)::int from price where asset_id = 1) as bars`,
  );
  const { mebibytes, assets, bars } = rows[0]!;
  console.log(
    `${assets} assets, ${bars} bars each: ${mebibytes.toFixed(0)} MiB with index, ` +
      (isFilled ? `kept in ${postgres.directory}` : `made in ${((performance.now() - began) / 1_000).toFixed(0)} s`),
  );
  if (!isFilled) await runPart(postgres.url, 'first', bars);
  await runPart(postgres.url, 'daily', bars);
} finally {
  await client.end();
  await scope.close();
}
