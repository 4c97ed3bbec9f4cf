/**
 * A daily refresh of a large universe: `ASSETS=200 BARS=5001 npm run bench:market`. The first refresh loads all bars; the
 * measured ones get the same history with one new bar for each asset, and then the same history again. It prints the
 * time of the refresh, the written WAL, the max time that the event loop was blocked, and the max resident memory.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import pg from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noAudit } from '#src/kernel/ports/audit.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import type { FetchedSeries } from '#src/market-data/providers/provider.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { databaseSettings } from '#testkit/database.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

const assetCount = Number(process.env['ASSETS'] ?? 200);
const barCount = Number(process.env['BARS'] ?? 5_001);
const applyMs = 600_000;
const symbols = Array.from({ length: assetCount }, (_, asset) => `S${asset}`);
const universe: Universe = {
  name: 'large',
  interval: '1day',
  from: '2000-01-01',
  assets: symbols.map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes: [{ code: 'LARGE_EW', name: 'Large', method: 'equal_weighted', constituents: symbols }],
};
const dateOf = (day: number): string => new Date(Date.UTC(2000, 0, 1 + day)).toISOString().slice(0, 10);
const seriesOf = (bars: number): FetchedSeries[] =>
  symbols.map((symbol, asset) => ({
    symbol,
    prices: Array.from({ length: bars }, (_, day) => {
      const close = 100 + asset / 10 + Math.sin(day + asset) * 5;
      return { date: dateOf(day), open: close, high: close + 1, low: close - 1, close, volume: 1_000 };
    }),
  }));

let bars = barCount;
const directory = mkdtempSync(join(tmpdir(), 'volwatch-bench-'));
chmodSync(directory, 0o711);
const postgres = await startEmbeddedPostgres({ directory, logger, durable: true });
try {
  const database = await createDatabase({ ...databaseSettings(postgres.url), entities: marketDataEntities });
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  const refreshes = createRefreshService({
    unitOfWork: database.unitOfWork,
    reader: database.reader,
    lock: database.lock,
    audit: noAudit,
    provider: { source: 'sample', fetch: async () => ({ source: 'provider', series: seriesOf(bars) }) },
    faults: createFaults({ enabled: false, metrics, logger }),
    metrics,
    clock,
    logger,
    ids: uuidv7,
    universes: fixedUniverses([universe]),
    quarantineFactor: 5,
    committed: async () => {},
    timeouts: { fetchMs: applyMs, applyMs },
  });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const position = async (): Promise<number> =>
    Number((await client.query(`select pg_current_wal_lsn() - '0/0' as bytes`)).rows[0].bytes);
  const measure = async (name: string): Promise<void> => {
    const wal = await position();
    const delay = monitorEventLoopDelay({ resolution: 10 });
    let resident = 0;
    const watch = setInterval(() => (resident = Math.max(resident, process.memoryUsage.rss())), 50);
    delay.enable();
    const began = performance.now();
    const { status, reason } = await refreshes.run({ universe: 'large', trigger: 'request' });
    const seconds = (performance.now() - began) / 1_000;
    clearInterval(watch);
    const written = ((await position()) - wal) / 2 ** 20;
    console.log(
      `${name}: ${status}${reason ? ` (${reason})` : ''}, ${seconds.toFixed(1)} s, ${written.toFixed(1)} MiB of WAL, ` +
        `loop blocked ${(delay.max / 1e6).toFixed(0)} ms, ${(resident / 2 ** 20).toFixed(0)} MiB resident`,
    );
  };
  console.log(`${assetCount} assets, ${barCount} bars each`);
  await measure('load');
  bars += 1;
  await measure('one new bar each');
  await measure('nothing new');
  await client.end();
  await database.close();
} finally {
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
}
