import { setTimeout as sleep } from 'node:timers/promises';
import { createAccountsRoutes } from '../accounts/index.ts';
import type { Addresses } from '../banner.ts';
import { composeAudit } from './features/audit.ts';
import { composeAuth, composeKeyRing } from './identity/auth.ts';
import { basePath, composeBase } from './base.ts';
import { composeCursors } from './data/cursors.ts';
import { composeCache } from './data/cache.ts';
import { composeEdge } from './edge.ts';
import { composeJobs, composePricingJobs, jobHandlers } from './features/jobs.ts';
import { composeMarketData } from './features/market-data.ts';
import { composeOwners } from './identity/owners.ts';
import { composePricing } from './features/pricing.ts';
import { composeRateLimits } from './identity/rate-limits.ts';
import { composeProvider } from './features/provider.ts';
import { tableBounds } from './data/table-bounds.ts';
import { createTableSizes } from '../database/index.ts';
import { composeStorage } from './data/storage.ts';
import { composeWebhooks } from './features/webhooks.ts';
import type { Config } from '../config/index.ts';
import { codeOf, errorTable } from '../kernel/catalogue/errors.ts';
import type { HealthCheck } from '../kernel/ports/health.ts';
import type { Logger } from '../kernel/ports/logger.ts';
import { StartError } from '../kernel/start-error.ts';
import { createPricingJobRoutes } from '../pricing-jobs/index.ts';
import { runTelemetrySelfTest } from '../telemetry/index.ts';

export type Service = {
  readonly logger: Logger;
  /** Listens, then brings the database up to date and the universes in; resolves when ready, or when stopped meanwhile. */
  readonly start: () => Promise<void>;
  readonly addresses: () => Addresses;
  readonly stopping: () => boolean;
  /**
   * Requests in progress, refreshes, connections, the embedded database and exporters end in this order; false when the
   * log could not be written to its end.
   */
  readonly stop: (reason: string) => Promise<boolean>;
  /** Cuts short what `stop` waits for. */
  readonly hurry: () => void;
};

const telemetryFlushMs = 3_000;
const logFlushMs = 1_000;
const hourMs = 3_600_000;
const retryBringUpMs = 1_000;
/** For requests that clients have sent when the drain is over. */
const onTheirWayMs = 100;

/**
 * Constructs every service; `compose/` has a file for each part. Nothing listens before `start`.
 * @throws ConfigError for key material that cannot be used
 */
export const compose = async (config: Config): Promise<Service> => {
  const base = composeBase(config);
  const { logger, telemetry } = base;
  const keyRing = await composeKeyRing(base);
  const storage = await composeStorage(base);
  const { database } = storage;
  const cache = await composeCache(base, storage.redis, keyRing);
  const provider = composeProvider(base, cache, storage.redis);
  const cursors = await composeCursors(base, keyRing);
  const audit = composeAudit(base, database, cursors);
  const jobs = composeJobs(base, database);
  const { owners, mayAct } = composeOwners(base, database);
  const webhooks = await composeWebhooks(base, database, { jobs, keyRing, cursors, owners, audit: audit.trail });
  const {
    refreshes,
    routes: marketDataRoutes,
    warmUp,
    closes,
  } = composeMarketData(base, database, {
    jobs,
    announce: webhooks.announce,
    audit: audit.trail,
    cache,
    cursors,
    provider: provider.provider,
  });
  const pricing = composePricing(base, closes);
  const pricingJobs = composePricingJobs(base, database, { jobs, mayAct, pricing: pricing.service });
  const rateLimits = await composeRateLimits(base, storage, keyRing);
  const auth = await composeAuth(base, database, {
    keyRing,
    audit: audit.trail,
    cursors,
    owners,
    throttle: rateLimits?.loginThrottle,
    redis: storage.redis,
  });

  let migrated = false;
  let draining = false;
  const stopped = new AbortController();
  const routes = [
    ...auth.routes,
    ...createAccountsRoutes({ ...base, ...database }),
    ...pricing.routes,
    ...createPricingJobRoutes({ jobs: pricingJobs, basePath }),
    ...marketDataRoutes,
    ...audit.routes,
    ...webhooks.routes,
  ];
  const { server, admin, health } = composeEdge(base, {
    auth,
    // A worker answers about itself alone.
    routes: config.ROLE === 'worker' ? [] : routes,
    checks: [
      untilMigrated(database.healthCheck, () => migrated),
      rateLimits?.withBackend(storage.redisCheck) ?? storage.redisCheck,
      ...provider.checks,
      pricing.check,
      jobs.healthCheck,
    ],
    // What others refresh is read from the database.
    collectors: [
      database.collect,
      createTableSizes({ ...base, reader: database.reader, names: Object.keys(tableBounds) }),
      jobs.collect,
      ...(config.ROLE === 'api' ? [refreshes.restoreMetrics] : []),
    ],
    isDraining: () => draining,
    onFaultChange: audit.onFaultChange,
    unitOfWork: database.unitOfWork,
    reader: database.reader,
    rateLimits,
  });

  let addresses: Addresses | undefined;
  const listen = async (): Promise<void> => {
    stopped.signal.throwIfAborted();
    const adminPort = (
      await admin.listen().catch(cannotListen('METRICS_PORT', config.METRICS_HOST, config.METRICS_PORT))
    ).port;
    stopped.signal.throwIfAborted();
    const port = await server
      .listen({ host: config.HOST, port: config.PORT })
      .catch(cannotListen('PORT', config.HOST, config.PORT));
    addresses = {
      url: `http://${config.HOST}:${port}`,
      adminUrl: `http://${config.METRICS_HOST}:${adminPort}`,
    };
    logger.info({ url: addresses.url, admin_url: addresses.adminUrl }, 'listening');
  };

  /** A feature whose tables are behind is left out; the rest of the service starts. */
  const unlessOutdated = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      if (codeOf(error) !== 'database_schema_outdated') throw error;
      logger.warn({ code: codeOf(error) }, 'a step of the start was left out: the database schema is behind');
    }
  };

  const prepareData = async (): Promise<void> => {
    await database.waitUntilReady({ signal: stopped.signal });
    migrated = true;
    await unlessOutdated(refreshes.closeDangling());
    await unlessOutdated(refreshes.restoreMetrics());
    await jobs.start(jobHandlers(base, database, refreshes, audit.trail, pricingJobs, webhooks));
    await unlessOutdated(webhooks.resume());
    if (config.ROLE === 'api') return;
    await unlessOutdated(refreshes.refreshStale({ staleAfterMs: config.REFRESH_STALE_AFTER_HOURS * hourMs }));
    await warmUp();
  };

  /** The database may go away again between two steps: then all of them are taken again. */
  const bringUp = async (): Promise<void> => {
    for (let prepared = false; !prepared;) {
      try {
        await prepareData();
        prepared = true;
      } catch (error) {
        if (errorTable[codeOf(error)].category !== 'database') throw error;
        logger.warn({ code: codeOf(error), retry_in_ms: retryBringUpMs }, 'the start is interrupted');
        await sleep(retryBringUpMs, undefined, { signal: stopped.signal });
      }
    }
    auth.start();
    // Whoever asked while the start went on must not be told of it afterwards.
    await health.readAgain();
    logger.info({}, 'started');
    await runTelemetrySelfTest({ logger });
  };

  const hurried = new AbortController();
  /**
   * Serves on while the balancer finds out from `/health/ready`, whether or not anybody is connected right now: who
   * comes later is refused. Then waits for what is in progress.
   */
  const endRequests = async (): Promise<void> => {
    server.drain();
    await sleep(config.SHUTDOWN_DRAIN_MS, undefined, { signal: hurried.signal }).catch(() => {});
    const graceMs = hurried.signal.aborted ? 0 : config.SHUTDOWN_GRACE_MS;
    await server.close({ graceMs, lingerMs: onTheirWayMs });
  };
  const close = async (reason: string): Promise<boolean> => {
    logger.info({ reason }, 'stopping');
    draining = true;
    stopped.abort(new Error(`stopping: ${reason}`));
    const graceMs = config.SHUTDOWN_REFRESH_GRACE_MS;
    await Promise.all([endRequests(), refreshes.close({ graceMs }), jobs.close({ graceMs })]);
    rateLimits?.close();
    await pricing.close();
    await provider.close();
    cache.close();
    await auth.close();
    await storage.close();
    await admin.close();
    await telemetry.shutdown(telemetryFlushMs);
    logger.info({}, 'stopped');
    return logger.flush(logFlushMs);
  };
  let closing: Promise<boolean> | undefined;

  return {
    logger,
    start: async () => {
      try {
        await listen();
        await bringUp();
      } catch (error) {
        if (!stopped.signal.aborted) throw error;
      }
    },
    addresses: () => addresses!,
    stopping: () => stopped.signal.aborted,
    stop: (reason) => (closing ??= close(reason)),
    hurry: () => {
      hurried.abort();
      void refreshes.close();
      void jobs.close({ graceMs: 0 });
      void server.close({ graceMs: 0 });
    },
  };
};

const cannotListen =
  (variable: string, host: string, port: number) =>
  (error: Error & { readonly code?: string }): never => {
    const why = error.code === 'EADDRINUSE' ? 'something else listens there already' : error.message;
    throw new StartError(`Cannot listen on ${host}:${port} (${variable}): ${why}`, { cause: error });
  };

/** A database that answers is of no use before its schema is there. */
const untilMigrated = (check: HealthCheck, migrated: () => boolean): HealthCheck => ({
  ...check,
  check: async (signal) => {
    const reading = await check.check(signal);
    return reading.status !== 'down' && !migrated() ? { status: 'down', detail: 'not migrated yet' } : reading;
  },
});
