/**
 * A daily refresh of a large universe with four indexes: `ASSETS=500 BARS=5000 npm run bench:market`. SQL makes the stored
 * bars. The provider answers as one that can limit its answer: with an overlap and one new bar of each asset. It prints the
 * time of each refresh, the written WAL, the max time that the event loop was blocked, the max resident memory, and the
 * duration of index reads. `EXPLAIN=1` prints how PostgreSQL reads the prices.
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
import { createTurns } from '#src/kernel/streams/turns.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import type { FetchedSeries, MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { createExplanationPlaces } from '#src/market-data/reads/explanation-places.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { createStoredUniverses } from '#src/market-data/universes/stored-universes.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { databaseSettings } from '#testkit/database.ts';
import { createExplainer } from './market/explainer.ts';
import { barOf, dayOf, fillMarket, indexCodes } from './market/large-universe.ts';

const assetCount = Number(process.env['ASSETS'] ?? 500);
const barCount = Number(process.env['BARS'] ?? 5_000);
const applyMs = 900_000;
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 2 : 0);

let bars = barCount;
/** A correction of the newest bar. */
let correction = 0;
let answeredAt = 0;
const provider: MarketDataProvider = {
  source: 'twelve_data',
  fetch: async ({ assets }, _, { since }) => {
    const series: FetchedSeries[] = [];
    const turns = createTurns();
    for (const [asset, { symbol }] of assets.entries()) {
      const first = since?.get(symbol);
      const from = first === undefined ? 0 : Math.round((Date.parse(first) - Date.parse(dayOf(0))) / 86_400_000);
      const prices = Array.from({ length: bars - from }, (__, index) => barOf(asset + 1, from + index));
      const last = prices.at(-1)!;
      prices[prices.length - 1] = { ...last, close: last.close + correction };
      series.push({ symbol, prices, ...(first !== undefined && { since: first }) });
      await turns.give();
    }
    answeredAt = performance.now();
    return { source: 'provider', series };
  },
};

const directory = mkdtempSync(join(tmpdir(), 'volwatch-bench-'));
chmodSync(directory, 0o711);
const postgres = await startEmbeddedPostgres({ directory, logger, durable: true });
try {
  const database = await createDatabase({ ...databaseSettings(postgres.url), entities: marketDataEntities });
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const began = performance.now();
  await fillMarket(client, assetCount, barCount);
  const size = await client.query(`select pg_total_relation_size('price')::float8 as bytes`);
  console.log(
    `${assetCount} assets, ${barCount} bars each: ${mebibytes(size.rows[0].bytes)} MiB with index, ` +
      `made in ${((performance.now() - began) / 1_000).toFixed(0)} s`,
  );
  const explainer = createExplainer(process.env['EXPLAIN'] === '1');
  const { reader, lock } = database;
  const universes = createStoredUniverses({ reader, clock });
  const refreshes = createRefreshService({
    unitOfWork: explainer.unitOfWork(database.unitOfWork),
    reader: explainer.reader(reader),
    lock,
    audit: noAudit,
    provider,
    faults: createFaults({ enabled: false, metrics, logger }),
    metrics,
    clock,
    logger,
    ids: uuidv7,
    universes,
    quarantineFactor: 5,
    historyDays: 7,
    committed: async () => {},
    timeouts: { fetchMs: applyMs, applyMs },
  });
  const position = async (): Promise<number> =>
    Number((await client.query(`select pg_current_wal_lsn() - '0/0' as bytes`)).rows[0].bytes);
  const refresh = async (name: string): Promise<void> => {
    const wal = await position();
    const delay = monitorEventLoopDelay({ resolution: 5 });
    let resident = 0;
    const watch = setInterval(() => (resident = Math.max(resident, process.memoryUsage.rss())), 20);
    const before = process.memoryUsage.rss();
    delay.enable();
    const { status, reason, prices } = await refreshes.run({ universe: 'large', trigger: 'request' });
    const seconds = (performance.now() - answeredAt) / 1_000;
    delay.disable();
    clearInterval(watch);
    console.log(
      `${name}: ${status}${reason ? ` (${reason})` : ''}, ${prices} bars, ${seconds.toFixed(2)} s after the answer, ` +
        `${mebibytes((await position()) - wal)} MiB of WAL, loop blocked ${(delay.max / 1e6).toFixed(0)} ms ` +
        `(p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms), ${mebibytes(before)} to ${mebibytes(resident)} MiB resident`,
    );
  };
  await refresh('first calculation');
  for (let day = 0; day < 4; day += 1) {
    bars += 1;
    explainer.isOn = day === 3;
    await refresh('one new bar each');
    explainer.isOn = false;
  }
  await refresh('nothing new');
  correction = 0.5;
  await refresh('the newest bar of each corrected');

  const explanationPlaces = createExplanationPlaces({ abuse: { refused: () => {} } });
  const queries = createMarketDataQueries({ reader, primary: reader, explanationPlaces });
  const times: number[] = [];
  for (let read = 0; read < 400; read += 1) {
    const asked = performance.now();
    await queries.indexValues(indexCodes[read % indexCodes.length]!, { after: null, from: null, to: null, limit: 101 });
    times.push(performance.now() - asked);
  }
  times.sort((a, b) => a - b);
  console.log(`index reads: p50 ${times[200]!.toFixed(1)} ms, p95 ${times[380]!.toFixed(1)} ms`);
  explainer.print();
  await client.end();
  await database.close();
} finally {
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
}
