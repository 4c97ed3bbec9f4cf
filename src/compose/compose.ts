import { createAccountsRoutes, createExportRoutes, createPresetRoutes } from '../accounts/index.ts';
import { composeCalendar } from './features/calendar.ts';
import { composeAudit } from './features/audit.ts';
import { composeAuth, composeKeyRing } from './identity/auth.ts';
import { basePath, composeBase } from './base.ts';
import { composeCursors } from './data/cursors.ts';
import { composeCache } from './data/cache.ts';
import { composeEdge } from './edge.ts';
import { composeJobs, composePricingJobs, jobHandlers } from './features/jobs.ts';
import { composeMarketData } from './features/market-data.ts';
import { composeCallerSettings } from './identity/caller-settings.ts';
import { presetValues } from '../pricing/index.ts';
import { composeOwners } from './identity/owners.ts';
import { composePricing } from './features/pricing.ts';
import { composeRateLimits } from './identity/rate-limits.ts';
import { composeProvider } from './features/provider.ts';
import { personalTables } from './data/personal-data/personal-tables.ts';
import { tableBounds } from './data/table-bounds.ts';
import { createServerConnections, createTableSizes } from '../database/index.ts';
import { composeStorage } from './data/storage.ts';
import { createQueuesAwaited } from './queues-awaited.ts';
import { createLifecycle, type Lifecycle, type LifecycleState } from './lifecycle.ts';
import { composeMail } from './features/mail.ts';
import { composeWebhooks } from './features/webhooks.ts';
import type { Config } from '../config/index.ts';
import { codeOf } from '../kernel/catalogue/errors.ts';
import { unlimitedLookups } from '../kernel/credentials/credential-lookups.ts';
import type { Metrics } from '../kernel/catalogue/metrics.ts';
import type { RequestMemory } from '../kernel/memory/request-memory.ts';
import type { HealthCheck } from '../kernel/ports/health.ts';
import type { Logger } from '../kernel/ports/logger.ts';
import { createPricingJobRoutes } from '../pricing-jobs/index.ts';

export type Service = Pick<Lifecycle, 'start' | 'addresses' | 'stopping' | 'stop' | 'hurry'> & {
  readonly logger: Logger;
  /** Applies UNIVERSES_FILE again. Never throws. */
  readonly reload: () => Promise<void>;
  readonly metrics: Metrics;
  readonly requestMemory: RequestMemory;
};

const hourMs = 3_600_000;

/**
 * Constructs all services from the parts in this folder. Nothing listens before `start`.
 * @throws ConfigError for key material that cannot be used
 */
export const compose = async (config: Config): Promise<Service> => {
  const base = composeBase(config);
  const keyRing = await composeKeyRing(base);
  const storage = await composeStorage(base);
  const { database } = storage;
  const cache = await composeCache(base, storage.redis, keyRing);
  const provider = composeProvider(base, cache, storage.redis);
  const cursors = await composeCursors(base, keyRing);
  const audit = composeAudit(base, database, cursors);
  const jobs = composeJobs(base, database);
  const { owners, mayAct, assertCallerMayStore, assertCallerHolds } = composeOwners(base, database);
  const callerSettings = composeCallerSettings(base, database);
  const webhooks = await composeWebhooks(base, database, { jobs, keyRing, cursors, owners, audit: audit.trail });
  const {
    refreshes,
    quality,
    calculateIndexes,
    indexChecks,
    schedules,
    routes: marketDataRoutes,
    universes,
    warmUp,
    closes,
    isAsset,
    nearestAsset,
  } = composeMarketData(base, database, {
    assertCallerHolds,
    jobs,
    announce: webhooks.announce,
    audit: audit.trail,
    settingsOf: callerSettings.of,
    cache,
    cursors,
    provider: provider.provider,
    providers: provider.providers,
  });
  const rateLimits = await composeRateLimits(base, storage, keyRing);
  const lookups = rateLimits?.credentialLookups ?? unlimitedLookups;
  const calendar = await composeCalendar(base, database, {
    jobs,
    keyRing,
    cursors,
    mayAct,
    owners,
    audit: audit.trail,
    lookups,
    redis: storage.redis,
    isAsset,
    nearestAsset,
  });
  const pricing = composePricing(base, { closes, nearestAsset }, callerSettings);
  const pricingJobs = await composePricingJobs(base, database, {
    jobs,
    keyRing,
    mayAct,
    assertCallerMayStore,
    pricing: pricing.service,
    settingsOf: callerSettings.of,
  });
  const mail = await composeMail(base, database, { jobs, keyRing });
  const auth = await composeAuth(base, database, {
    mail: mail.outbox,
    keyRing,
    audit: audit.trail,
    cursors,
    owners,
    throttle: rateLimits?.loginThrottle,
    lookups,
    redis: storage.redis,
  });

  const routes = [
    ...auth.routes,
    ...createAccountsRoutes({
      ...base,
      ...database,
      assertCallerMayStore,
      audit: audit.trail,
      forget: callerSettings.forget,
    }),
    ...createPresetRoutes({
      ...base,
      ...database,
      assertCallerMayStore,
      audit: audit.trail,
      cursors,
      basePath,
      values: presetValues,
      maxPresets: config.PRICING_PRESETS_PER_USER,
      forget: callerSettings.forget,
    }),
    ...createExportRoutes({
      ...base,
      ...database,
      audit: audit.trail,
      tables: personalTables,
      maxRows: config.ACCOUNT_EXPORT_ROWS,
      maxBytes: config.ACCOUNT_EXPORT_MAX_BYTES,
      statementTimeoutMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS,
    }),
    ...pricing.routes,
    ...createPricingJobRoutes({ jobs: pricingJobs, basePath }),
    ...marketDataRoutes,
    ...audit.routes,
    ...webhooks.routes,
    ...calendar.routes,
  ];
  const state: LifecycleState = { migrated: false, draining: false };
  const queuesAwaited = createQueuesAwaited({ clock: base.clock, isOpen: jobs.isOpen });
  const edge = composeEdge(base, {
    auth,
    assertCallerMayStore,
    // A worker process only has the routes of the edge itself (health, documentation).
    routes: config.ROLE === 'worker' ? [] : routes,
    checks: [
      untilMigrated(storage.databaseCheck, () => state.migrated),
      storage.redisCheck,
      ...provider.checks,
      ...calendar.checks,
      ...mail.checks,
      pricing.check,
      jobs.healthCheck,
    ],
    collectors: [
      base.requestMemory.collect,
      database.collect,
      createServerConnections({ ...base, reader: database.reader }),
      createTableSizes({ ...base, reader: database.reader, names: Object.keys(tableBounds) }),
      jobs.collect,
      ...calendar.collectors,
      mail.collect,
      universes.collect,
      () => base.metrics.forget({ universe: universes.names }),
      quality.collect,
      schedules.collect,
      audit.collect,
      // With ROLE=api other processes run the refreshes, so their results are read from the database.
      ...(config.ROLE === 'api' ? [refreshes.restoreMetrics] : []),
    ],
    adminRoutes: mail.adminRoutes,
    isUnready: () => state.draining || (state.migrated && queuesAwaited()),
    onFaultChange: audit.onFaultChange,
    unitOfWork: database.unitOfWork,
    reader: database.reader,
    rateLimits,
  });

  /** Skips a step whose tables are missing, because the rest of the service can start. */
  const unlessOutdated = async (step: Promise<unknown>): Promise<void> => {
    try {
      await step;
    } catch (error) {
      if (codeOf(error) !== 'database_schema_outdated') throw error;
      base.logger.warn({ code: codeOf(error) }, 'a step of the start was left out: the database schema is behind');
    }
  };

  /** Universes are created and deleted while the service runs, so a wrong name does not stop the start. */
  const warnOfUnknownSchedules = async (): Promise<void> => {
    const names = await universes.names();
    for (const universe of config.REFRESH_SCHEDULES.keys()) {
      if (!names.includes(universe)) {
        base.logger.warn({ universe }, 'REFRESH_SCHEDULES names a universe that does not exist');
      }
    }
  };

  const reload = async (): Promise<void> => {
    try {
      await universes.applyFile();
    } catch (error) {
      base.logger.error({ code: codeOf(error), err: error }, 'UNIVERSES_FILE was not applied');
    }
  };

  let authStarted = false;
  const startAuth = (): void => {
    if (authStarted) return;
    authStarted = true;
    auth.start();
  };

  const prepareData = async (signal: AbortSignal): Promise<void> => {
    await database.waitUntilReady({ signal });
    state.migrated = true;
    signal.throwIfAborted();
    // First, because sessions end and revoked tokens are asked for one by one until it runs.
    startAuth();
    await unlessOutdated(refreshes.closeDangling());
    await unlessOutdated(universes.createBundled());
    await unlessOutdated(refreshes.restoreMetrics());
    await jobs.start(
      jobHandlers(
        base,
        database,
        { refreshes, quality, calculateIndexes, indexChecks },
        audit.trail,
        pricingJobs,
        webhooks,
        calendar,
        { handle: mail.createHandler(auth.letters), resume: mail.outbox.resume },
      ),
    );
    if (config.ROLE !== 'api') await unlessOutdated(schedules.restore());
    await unlessOutdated(webhooks.resume());
    await unlessOutdated(mail.outbox.resume());
    await unlessOutdated(warnOfUnknownSchedules());
    if (config.ROLE !== 'api')
      await unlessOutdated(refreshes.refreshStale({ staleAfterMs: config.REFRESH_STALE_AFTER_HOURS * hourMs }));
    // After the refresh of stale universes, because each change enqueues its own refresh.
    await unlessOutdated(universes.applyFile());
    // Last, because the lock of a calculation keeps refreshes and changes from its universe.
    if (config.ROLE !== 'api') await unlessOutdated(indexChecks.enqueue());
    if (config.ROLE !== 'api') await warmUp();
  };

  const lifecycle = createLifecycle({
    base,
    edge,
    state,
    prepareData,
    background: [refreshes, jobs],
    parts: { pricing, provider, calendar, webhooks, cache, auth, ...storage.parts },
  });
  const { logger, metrics, requestMemory } = base;
  return { ...lifecycle, reload, logger, metrics, requestMemory };
};

/** Reports the database as down until its schema is migrated, because the service cannot use it before. */
const untilMigrated = (check: HealthCheck, isMigrated: () => boolean): HealthCheck => ({
  ...check,
  check: async (signal) => {
    const reading = await check.check(signal);
    return reading.status !== 'down' && !isMigrated() ? { status: 'down', detail: 'not migrated yet' } : reading;
  },
});
