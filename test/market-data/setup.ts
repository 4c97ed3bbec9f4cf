import type { ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createDatabase, type Database, type DatabaseDeps } from '#src/database/database.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import { idempotencyEntities } from '#src/idempotency/entities.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import type { MarketDataProvider, PriceBar } from '#src/market-data/providers/provider.ts';
import { createRefreshService } from '#src/market-data/refresh/refresh-service.ts';
import type { RefreshService, RefreshServiceDeps } from '#src/market-data/refresh/refresh-service.ts';
import { createSampleFileProvider, sampleDataDirectory } from '#src/market-data/providers/sample-file-provider.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { createFaults, type FaultControl } from '#src/telemetry/faults.ts';
import { databaseSettings, setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';

export type Setup = {
  readonly refreshes: RefreshService;
  readonly database: Database;
  /** Direct access to the database, without the code under test. */
  readonly admin: TestDatabase;
  readonly metrics: RecordedMetrics;
  readonly faults: FaultControl;
  /** What the service was created with. */
  readonly deps: RefreshServiceDeps;
};

export type Overrides = {
  readonly service?: Partial<RefreshServiceDeps>;
  readonly database?: Partial<DatabaseDeps>;
};

const sampleProvider = createSampleFileProvider({ directory: sampleDataDirectory });

/** The sample data with every close multiplied by `factor()`. A refresh with another factor changes all rows. */
export const scaledProvider = (factor: () => number): MarketDataProvider => ({
  source: 'sample',
  fetch: async (universe, signal, options) => {
    const { source, series } = await sampleProvider.fetch(universe, signal, options);
    const scale = (bar: PriceBar): PriceBar => ({ ...bar, close: bar.close * factor() });
    return { source, series: series.map(({ symbol, prices }) => ({ symbol, prices: prices.map(scale) })) };
  },
});

/** A refresh service with the sample data and a separate migrated database. */
export const setup = async (t: ExecutionContext, overrides: Overrides = {}): Promise<Setup> => {
  const admin = await setupDatabase(t);
  const metrics = recordMetrics();
  const faults = createFaults({ enabled: true, metrics, logger: silentLogger });
  const database = await createDatabase({
    ...databaseSettings(admin.url),
    entities: [...marketDataEntities, ...idempotencyEntities],
    metrics,
    ...overrides.database,
  });
  const deps: RefreshServiceDeps = {
    unitOfWork: database.unitOfWork,
    audit: createAuditTrail({ clock: systemClock, metrics, ids: uuidv7 }),
    reader: database.reader,
    lock: database.lock,
    provider: sampleProvider,
    faults,
    metrics,
    clock: systemClock,
    logger: silentLogger,
    ids: uuidv7,
    universes: fixedUniverses(bundledUniverses),
    quarantineFactor: 5,
    committed: async () => {},
    timeouts: { fetchMs: 5_000, applyMs: 20_000 },
    ...overrides.service,
  };
  const refreshes = createRefreshService(deps);
  t.teardown(async () => {
    await refreshes.close();
    await database.close();
  });
  return { refreshes, database, admin, metrics, faults, deps };
};

const dataTables = ['asset', 'price', 'market_index', 'index_constituent', 'index_value'];

/**
 * Row count and checksum of each data table. The result is equal only if no row has changed, except for the time of the
 * last fetch of a whole history.
 */
export const fingerprint = async (admin: TestDatabase): Promise<readonly unknown[]> =>
  Promise.all(
    dataTables.map(async (table) => {
      const [row] = await admin.query(
        `select count(*)::int as rows, md5(string_agg(t::text, '|' order by t::text)) as sum
         from (select to_jsonb(${table}) - 'history_at' as t from ${table}) as rows`,
      );
      return { table, rows: row?.['rows'], sum: row?.['sum'] };
    }),
  );

/** Resolves when an injected fault has taken effect at `point`. */
export const faultReached = ({ metrics }: Setup, point: FaultPoint): Promise<void> =>
  eventually(
    () => metrics.value('volwatch_faults_injected_total', { point }) > 0,
    `the fault at ${point} takes effect`,
  );
