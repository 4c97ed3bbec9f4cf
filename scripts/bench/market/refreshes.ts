/** A part of `bench-market.ts`: the first calculation, or daily refreshes. Arguments: URL, part, number of stored bars. */
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { collectWhenCalm, setHeapGrowth } from '#src/kernel/memory/collect-when-calm.ts';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { createDatabase } from '#src/database/database.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noAudit } from '#src/kernel/ports/audit.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { createExplanationPlaces } from '#src/market-data/reads/explanation-places.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { createStoredUniverses } from '#src/market-data/universes/stored-universes.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { databaseSettings } from '#testkit/database.ts';
import { createDailyProvider } from './daily-provider.ts';
import { createExplainer } from './explainer.ts';
import { indexCodes } from './large-universe.ts';
import { watchProcess } from './watch-process.ts';

const [url = '', part = 'daily', stored = '0'] = process.argv.slice(2);
const applyMs = 900_000;
const reads = 400;
/** Between two refreshes of a service is a day. The service collects garbage when it is calm for some seconds. */
const calmMs = 11_000;

// As in main.ts.
setHeapGrowth();
collectWhenCalm({ collect: createCollectGarbage() });
const daily = createDailyProvider(Number(stored));
const database = await createDatabase({ ...databaseSettings(url), entities: marketDataEntities });
await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
const client = new pg.Client({ connectionString: url });
await client.connect();
const explainer = createExplainer(process.env['EXPLAIN'] === '1');
const { reader, lock } = database;
const refreshes = createRefreshService({
  unitOfWork: explainer.unitOfWork(database.unitOfWork),
  reader: explainer.reader(reader),
  lock,
  audit: noAudit,
  provider: daily.provider,
  faults: createFaults({ enabled: false, metrics, logger }),
  metrics,
  clock,
  logger,
  ids: uuidv7,
  universes: createStoredUniverses({ reader, clock }),
  quarantineFactor: 5,
  historyDays: 7,
  committed: async () => {},
  timeouts: { fetchMs: applyMs, applyMs },
});

const position = async (): Promise<number> =>
  Number((await client.query(`select pg_current_wal_lsn() - '0/0' as bytes`)).rows[0].bytes);

const refresh = async (name: string): Promise<void> => {
  await sleep(calmMs);
  const wal = await position();
  const watched = watchProcess();
  const {
    status,
    reason,
    prices,
    index_values: values,
  } = await refreshes.run({ universe: 'large', trigger: 'request' });
  const seconds = (performance.now() - daily.answeredAt()) / 1_000;
  const { blockedMs, workedMs, residentBefore, resident, heap, heapUsed, external } = watched.stop();
  const written = ((await position()) - wal) / 2 ** 20;
  console.log(
    `${name}: ${status}${reason ? ` (${reason})` : ''}, ${prices} bars, ${values} values, ${seconds.toFixed(2)} s after ` +
      `the answer, ${written.toFixed(2)} MiB of WAL, loop blocked ${blockedMs.toFixed(0)} ms (by processor time ` +
      `${workedMs.toFixed(0)} ms), ${residentBefore} to ${resident} MiB resident (heap ${heap}, ${heapUsed} of it used, ` +
      `${external} outside)`,
  );
};

const readIndexes = async (): Promise<void> => {
  const explanationPlaces = createExplanationPlaces({ abuse: { refused: () => {} }, metrics: noMetrics });
  const queries = createMarketDataQueries({ reader, primary: reader, explanationPlaces });
  const times: number[] = [];
  for (let read = 0; read < reads; read += 1) {
    const asked = performance.now();
    await queries.indexValues(indexCodes[read % indexCodes.length]!, { after: null, from: null, to: null, limit: 101 });
    times.push(performance.now() - asked);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => times[Math.floor(reads * share)]!.toFixed(1);
  console.log(`index reads of 101 values: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
};

if (part === 'first') await refresh('first calculation');
else {
  for (let day = 0; day < 5; day += 1) {
    daily.addDay();
    explainer.isOn = day === 4;
    await refresh('one new bar each');
    explainer.isOn = false;
  }
  await refresh('nothing new');
  daily.correct();
  await refresh('the newest bar of each corrected');
  await readIndexes();
  explainer.print();
}
await client.end();
await database.close();
