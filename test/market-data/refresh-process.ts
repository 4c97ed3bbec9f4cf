/** A separate process with a refresh service: `node refresh-process.ts DATABASE_URL`. It receives commands over IPC. */
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createDatabase } from '#src/database/database.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { FaultMode, FaultPoint } from '#src/kernel/catalogue/faults.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { databaseSettings } from '#testkit/database.ts';
import { scaledProvider } from './setup.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

export type Command =
  | { readonly do: 'fault'; readonly point: FaultPoint; readonly mode: FaultMode }
  | { readonly do: 'clear'; readonly point: FaultPoint }
  | { readonly do: 'run'; readonly universe: string };

/** A run answers `started` when the record is stored, then `ended`; or it answers `refused`. */
export type Answer =
  | { readonly event: 'ready' }
  | { readonly event: 'started' | 'ended'; readonly status: string }
  | { readonly event: 'refused'; readonly code: string };

const faults = createFaults({ enabled: true, metrics, logger });
const database = await createDatabase({ ...databaseSettings(process.argv[2] ?? ''), entities: marketDataEntities });
const refreshes = createRefreshService({
  unitOfWork: database.unitOfWork,
  audit: createAuditTrail({ clock: systemClock, metrics, ids: uuidv7 }),
  reader: database.reader,
  lock: database.lock,
  provider: scaledProvider(() => 3),
  faults,
  metrics,
  clock: systemClock,
  logger,
  ids: uuidv7,
  universes: fixedUniverses(bundledUniverses),
  quarantineFactor: 5,
  committed: async () => {},
  timeouts: { fetchMs: 30_000, applyMs: 30_000 },
});

const answer = (message: Answer): void => void process.send?.(message);

const run = async (universe: string): Promise<void> => {
  try {
    const { record, ended } = await refreshes.start({ universe, trigger: 'request', waited: false });
    answer({ event: 'started', status: record.status });
    answer({ event: 'ended', status: (await ended).status });
  } catch (error) {
    answer({ event: 'refused', code: codeOf(error) });
  }
};

process.on('message', (command: Command) => {
  if (command.do === 'fault') faults.set(command.point, { mode: command.mode, probability: 1, delay_ms: 0 });
  else if (command.do === 'clear') faults.clear(command.point);
  else void run(command.universe);
});
process.on('disconnect', () => process.exit());
answer({ event: 'ready' });
