/**
 * A separate process that refreshes on command and may be killed at any time: `node refresher.ts DATABASE_URL`. With
 * `upload` as a second argument the prices are uploaded as a file, and with `universe` the universe is also a stored one that
 * commands change. Each price contains the generation of its command, so that a reader can find the refresh that wrote a row.
 */
import { flushCompileCache } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createDatabase } from '#src/database/database.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { createStoredUniverses } from '#src/market-data/universes/stored-universes.ts';
import { createUniverseChanges } from '#src/market-data/universes/universe-changes.ts';
import type { Upload } from '#src/market-data/uploads/upload.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { databaseSettings } from '#testkit/database.ts';
import { seriesOf } from '../chaos/generations.ts';
import { corrections } from './corrections.ts';
import { definitionOf, historyUniverse } from './definitions.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

export type Fault = { readonly point: FaultPoint; readonly mode: 'error' | 'hang' | 'crash' };
export type Command = {
  readonly generation: number;
  readonly fault?: Fault;
  /** True: the definition of the universe is replaced, and nothing is refreshed. */
  readonly changes?: boolean;
};
export type Report =
  | { readonly event: 'ready' }
  | { readonly event: 'ended'; readonly generation: number; readonly status: string };

const hangMs = 400;
const faults = createFaults({ enabled: true, metrics, logger });
const database = await createDatabase({
  ...databaseSettings(process.argv[2] ?? ''),
  entities: marketDataEntities,
  poolMax: 4,
});
const kind = process.argv[3];
const isUpload = kind === 'upload' || kind === 'universe';
const audit = createAuditTrail({ clock: systemClock, metrics, ids: uuidv7 });
let generation = 0;
const refreshes = createRefreshService({
  unitOfWork: database.unitOfWork,
  audit,
  reader: database.reader,
  lock: database.lock,
  provider: {
    source: 'sample',
    fetch: async () => ({ source: 'provider', series: seriesOf(generation, corrections) }),
  },
  faults,
  metrics,
  clock: systemClock,
  logger,
  ids: uuidv7,
  universes:
    kind === 'universe'
      ? createStoredUniverses({ reader: database.reader, clock: systemClock })
      : fixedUniverses(bundledUniverses),
  quarantineFactor: 5,
  committed: async () => {},
  timeouts: { fetchMs: hangMs, applyMs: hangMs, uploadMs: hangMs },
});

const changes = createUniverseChanges({
  unitOfWork: database.unitOfWork,
  lock: database.lock,
  assertCallerHolds: async () => {},
  audit,
  // The refreshes of a history are its commands, so a change enqueues none.
  jobs: { enqueue: async () => false },
  schedules: { set: async () => {}, remove: async () => {} },
  clock: systemClock,
  maxUniverses: 10,
  providerSource: 'sample',
  sourceFault: () => undefined,
  statementTimeoutMs: hangMs,
  changed: async () => {},
});

/** The prices of the generation as a file that arrives in small pieces. */
const pieces = async function* (): AsyncGenerator<Buffer> {
  yield Buffer.from('symbol,date,close\n');
  for (const { symbol, prices } of seriesOf(generation, corrections)) {
    await setImmediate();
    yield Buffer.from(prices.map(({ date, close }) => `${symbol},${date},${close}\n`).join(''));
  }
};
const upload: Upload = {
  mode: 'replace',
  onError: 'fail',
  onAccepted: () => {},
  read: (consume) => consume({ mediaType: 'text/csv', signal: AbortSignal.timeout(600_000), pieces: pieces() }),
};

// A failed send is ignored, because the process ends when the connection to its parent closes.
const report = (message: Report): void => void process.send?.(message, undefined, {}, () => {});

process.on('message', (command: Command) => {
  generation = command.generation;
  const { fault } = command;
  if (fault) faults.set(fault.point, { mode: fault.mode, probability: 1, delay_ms: 0, count: 1 });
  const run = async (): Promise<string> => {
    if (!command.changes) {
      return (await refreshes.run({ universe: historyUniverse, trigger: 'request', ...(isUpload && { upload }) }))
        .status;
    }
    await changes.put(historyUniverse, definitionOf(command.generation), { origin: 'api', expected: 'any' });
    return 'succeeded';
  };
  run()
    .catch((error: unknown) => `refused: ${codeOf(error)}`)
    .then((status) => {
      if (fault) faults.clear(fault.point);
      report({ event: 'ended', generation: command.generation, status });
    })
    .catch(() => process.exit(1));
});
process.on('disconnect', () => process.exit());
// A process that is killed does not store its compiled code.
flushCompileCache();
report({ event: 'ready' });
