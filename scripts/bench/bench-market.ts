/**
 * A daily refresh of a large universe with four indexes: `ASSETS=500 BARS=5000 npm run bench:market`. SQL makes the stored
 * bars. The provider answers as one that can limit its answer: with an overlap and one new bar of each asset. It prints the
 * time of each refresh, the written WAL, the max time that the event loop was blocked (by the clock, and by the processor
 * time of its thread, which other work on the machine does not change), the max resident memory, and the duration of index
 * reads. The first calculation and the daily refreshes have a process each. `EXPLAIN=1` prints how PostgreSQL reads the
 * prices.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { databaseSettings } from '#testkit/database.ts';
import { fillMarket } from './market/large-universe.ts';

const assetCount = Number(process.env['ASSETS'] ?? 500);
const barCount = Number(process.env['BARS'] ?? 5_000);

/** Runs a part of the bench in a new process, so that its memory is its own. */
const runPart = async (url: string, part: 'first' | 'daily'): Promise<void> => {
  const script = join(import.meta.dirname, 'market/refreshes.ts');
  const child = spawn(process.execPath, [script, url, part, String(barCount)], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The part ${part} failed`);
};

const directory = mkdtempSync(join(tmpdir(), 'volwatch-bench-'));
chmodSync(directory, 0o711);
const postgres = await startEmbeddedPostgres({ directory, logger, durable: true });
try {
  const database = await createDatabase({ ...databaseSettings(postgres.url), entities: marketDataEntities });
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  await database.close();
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const began = performance.now();
  await fillMarket(client, assetCount, barCount);
  const size = await client.query(`select pg_total_relation_size('price')::float8 / 1048576 as mebibytes`);
  await client.end();
  console.log(
    `${assetCount} assets, ${barCount} bars each: ${Number(size.rows[0].mebibytes).toFixed(0)} MiB with index, ` +
      `made in ${((performance.now() - began) / 1_000).toFixed(0)} s`,
  );
  await runPart(postgres.url, 'first');
  await runPart(postgres.url, 'daily');
} finally {
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
}
