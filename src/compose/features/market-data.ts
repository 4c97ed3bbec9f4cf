import type { Jobs } from '../../jobs/index.ts';
import type { Database } from '../../database/index.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import type { Cache } from '../../kernel/ports/cache.ts';
import type { AssertCallerHolds } from '../../kernel/ports/owners.ts';
import { jobOfChange, type JobEnqueuer, type JobSchedules } from '../../kernel/ports/jobs.ts';
import type { NearestOf } from '../../kernel/lists/near-names.ts';
import type { Cursors } from '../../kernel/lists/pagination.ts';
import type { Route } from '../../kernel/requests/route.ts';
import type { Announce } from '../../kernel/ports/webhooks.ts';
import {
  createCachedReads,
  createCalculationJob,
  createExplanationPlaces,
  createIndexChecks,
  createMarketDataQueries,
  createMarketDataRoutes,
  createMarketNearNames,
  createQualityChecks,
  createQueuedRefreshes,
  createRefreshSchedules,
  createRefreshService,
  createStoredUniverses,
  createTradingDays,
  createUniverseChanges,
  createUniverseQueries,
  createUniverseSeeding,
  createUniverseStatus,
  type IndexChecks,
  limitRefreshes,
  type MarketDataProvider,
  type QualityChecks,
  readUniversesFile,
  type RefreshSchedules,
  type RefreshService,
  sampleUniverses,
  type SeriesSource,
  type UniverseSeeding,
} from '../../market-data/index.ts';
import type { Closes } from '../../pricing/index.ts';
import type { SettingsOfCaller } from '../identity/caller-settings.ts';
import { basePath, type Base } from '../base.ts';

/** Forty years of daily closes. */
const maxCloses = 10_000;

export type MarketData = {
  readonly refreshes: RefreshService;
  readonly quality: QualityChecks;
  /** Calculates the indexes of a universe after a refresh of another one. */
  readonly calculateIndexes: ReturnType<typeof createCalculationJob>;
  readonly indexChecks: IndexChecks;
  readonly schedules: Pick<RefreshSchedules, 'restore' | 'collect'>;
  readonly routes: readonly Route[];
  readonly universes: UniverseSeeding & { readonly names: () => Promise<readonly string[]> };
  /** Loads the most frequent reads into the cache. Never throws. */
  readonly warmUp: () => Promise<void>;
  /** Reads stored closes of an asset. The pricing room declares the type, because only that room uses it. */
  readonly closes: Closes;
  /** The nearest known symbol, for refusals of unknown ones. */
  readonly nearestAsset: NearestOf;
  readonly isAsset: (symbol: string) => Promise<boolean>;
};

export const composeMarketData = (
  base: Base,
  database: Database,
  {
    audit,
    cache,
    cursors,
    provider,
    providers,
    jobs,
    announce,
    settingsOf,
    assertCallerHolds,
  }: {
    readonly assertCallerHolds: AssertCallerHolds;
    readonly settingsOf: SettingsOfCaller['of'];
    readonly audit: AuditTrail;
    readonly announce: Announce;
    readonly cache: Cache;
    readonly cursors: Cursors;
    readonly provider: MarketDataProvider;
    readonly providers: Partial<Readonly<Record<SeriesSource, MarketDataProvider>>>;
    readonly jobs: JobEnqueuer & JobSchedules & Pick<Jobs, 'isOpen'>;
  },
): MarketData => {
  const { config, clock, logger, metrics, faults } = base;
  const { unitOfWork, reader, lock } = database;
  const explanationPlaces = createExplanationPlaces({ abuse: base.abuse, metrics });
  const queries = createMarketDataQueries({ reader: database.replicaReader, primary: reader, explanationPlaces });
  const nearNames = createMarketNearNames({ reader: database.replicaReader, clock });
  const universes = createStoredUniverses({ reader, clock });
  const cachedReads = createCachedReads({
    cache,
    uncached: queries,
    queries: createMarketDataQueries({ reader, primary: reader, explanationPlaces }),
    universes,
    logger,
  });
  const timeouts = {
    fetchMs: config.PROVIDER_TIMEOUT_MS,
    creditsMs: config.REFRESH_FETCH_TIMEOUT_MS,
    applyMs: config.REFRESH_APPLY_TIMEOUT_MS,
    statementMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS,
    uploadMs: config.UPLOAD_TIMEOUT_MS,
  };
  const { committed } = cachedReads;
  const refreshes = createRefreshService({
    unitOfWork,
    reader,
    lock,
    jobs,
    provider,
    providers,
    universes,
    quarantineFactor: config.PRICE_QUARANTINE_FACTOR,
    historyDays: config.PRICE_HISTORY_DAYS,
    committed,
    enqueue: async (universe) => {
      await unitOfWork.run({ operation: 'refresh.record' }, (transaction) =>
        jobs.enqueue(transaction, 'refresh', { key: universe, data: { universe, trigger: 'startup' } }),
      );
    },
    applied: async (transaction, { name }) => {
      // A refresh can end before the start has opened the queues. QUALITY_SCHEDULE then finds that its check is missing.
      if (!jobs.isOpen()) return;
      await jobs.enqueue(transaction, 'quality', { ...jobOfChange(name), data: { universe: name } });
    },
    timeouts,
    maxUploadRows: config.UPLOAD_ROWS_MAX,
    maxRefusedRows: config.UPLOAD_REFUSED_ROWS_MAX,
    ids: uuidv7,
    audit,
    announce,
    faults,
    metrics,
    clock,
    logger,
  });
  const queued = { unitOfWork, reader, jobs, audit, clock, ids: uuidv7, universes };
  const started =
    config.ROLE === 'api'
      ? createQueuedRefreshes(queued)
      : limitRefreshes(refreshes, { abuse: base.abuse, max: config.REFRESHES_LIMIT });
  const limits = { maxAssets: config.UNIVERSE_ASSETS_MAX, maxIndexes: config.UNIVERSE_INDEXES_MAX };
  const schedules = createRefreshSchedules({
    unitOfWork,
    jobs,
    metrics,
    clock,
    logger,
    defaults: config.REFRESH_SCHEDULES,
  });
  const changes = createUniverseChanges({
    unitOfWork,
    lock,
    assertCallerHolds,
    audit,
    jobs,
    schedules,
    clock,
    maxUniverses: config.UNIVERSES_MAX,
    providerSource: provider.source,
    sourceFault: (source, name) => {
      if (source === 'upload') return undefined;
      if (source === 'sample') {
        return sampleUniverses.includes(name) ? undefined : `Has data only for ${sampleUniverses.join(', ')}`;
      }
      return providers[source] ? undefined : `Needs the API key of ${source} in the configuration of this service`;
    },
    statementTimeoutMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS,
    changed: cachedReads.definitionChanged,
  });
  const { UNIVERSES_FILE: path, UNIVERSES_MAX: maxUniverses } = config;
  const seeding = createUniverseSeeding({
    changes,
    reader,
    metrics,
    logger,
    readFile: path === undefined ? undefined : () => readUniversesFile({ path, limits, maxUniverses }),
  });
  const tradingDays = createTradingDays();
  const expectedAfterHours = config.PRICES_EXPECTED_AFTER_HOURS;
  const checks = { unitOfWork, reader, tradingDays, faults, metrics, clock, logger, expectedAfterHours };
  const calculation = { unitOfWork, lock, universes, committed, timeouts, metrics, logger };
  const calculateIndexes = createCalculationJob(calculation);
  return {
    refreshes,
    quality: createQualityChecks(checks),
    calculateIndexes,
    indexChecks: createIndexChecks({
      unitOfWork,
      universes,
      jobs,
      logger,
      calculate: (universe, signal) => calculateIndexes(universe, undefined, signal),
    }),
    schedules,
    universes: { ...seeding, names: universes.names },
    routes: createMarketDataRoutes({
      refreshes: started,
      queries,
      cachedReads,
      cursors,
      nearNames,
      basePath,
      // The file arrives at this process, whatever its role.
      uploads: { uploads: refreshes, assertCallerHolds, abuse: base.abuse, maxUploads: config.UPLOADS_LIMIT },
      universes: {
        changes,
        defaultUniverse: async () => (await settingsOf())?.universe,
        queries: createUniverseQueries(reader),
        limits,
        scheduleOf: schedules.of,
        status: createUniverseStatus({
          reader: database.replicaReader,
          clock,
          tradingDays,
          expectedAfterHours,
          scheduleOf: schedules.of,
        }),
      },
    }),
    warmUp: cachedReads.warmUp,
    isAsset: async (symbol) => (await queries.asset(symbol)) !== undefined,
    nearestAsset: nearNames.asset,
    closes: (symbol, days) => queries.closes(symbol, days ?? null, maxCloses),
  };
};
