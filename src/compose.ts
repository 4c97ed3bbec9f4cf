import { mkdirSync } from 'node:fs';
import { Registry } from 'prom-client';
import manifest from '../package.json' with { type: 'json' };
import { createAuth } from './auth/auth.ts';
import { createBootstrapClients } from './auth/clients.ts';
import { derivedSecret } from './auth/derived-secret.ts';
import { loadKeyRing, type KeyRing } from './auth/key-ring.ts';
import type { Addresses } from './banner.ts';
import { ConfigError, type Config } from './config.ts';
import { createDatabase } from './database/database.ts';
import { startEmbeddedPostgres } from './database/embedded-postgres.ts';
import { createApp } from './http/app.ts';
import { createHealth } from './http/health.ts';
import { createHttpServer } from './http/server.ts';
import { systemClock } from './kernel/clock.ts';
import type { HealthCheck } from './kernel/health.ts';
import { uuidv7 } from './kernel/ids.ts';
import type { Logger } from './kernel/logger.ts';
import { createCursors } from './kernel/pagination.ts';
import { marketDataEntities } from './market-data/entities.ts';
import { createMarketDataQueries } from './market-data/queries.ts';
import { createRefreshService } from './market-data/refresh-service.ts';
import { createMarketDataRoutes } from './market-data/routes.ts';
import { createSampleFileProvider, sampleDataDirectory } from './market-data/sample-file-provider.ts';
import { bundledUniverses } from './market-data/universes.ts';
import { createEngineFactory } from './pricing/engine-factory.ts';
import { createPricingService } from './pricing/pricing-service.ts';
import { createPricingRoutes } from './pricing/routes.ts';
import { createAdminServer } from './telemetry/admin-server.ts';
import { createFaults } from './telemetry/faults.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { telemetryRuntime } from './telemetry/runtime.ts';
import { runTelemetrySelfTest } from './telemetry/self-test.ts';

export type Service = {
  readonly logger: Logger;
  /** Listens, then brings the database up to date and the universes in; resolves when ready, or when stopped meanwhile. */
  readonly start: () => Promise<void>;
  readonly addresses: () => Addresses;
  readonly stopping: () => boolean;
  /** Requests in progress, refreshes, connections, the embedded database and exporters end in this order. */
  readonly stop: (reason: string) => Promise<void>;
  /** Cuts short what `stop` waits for. */
  readonly hurry: () => void;
};

const telemetryFlushMs = 3_000;
const hourMs = 3_600_000;

/**
 * Constructs every service. Nothing listens and nothing is asked of the database before `start`.
 * @throws ConfigError for key material that cannot be used
 */
export const compose = async (config: Config): Promise<Service> => {
  const clock = systemClock;
  const production = config.NODE_ENV === 'production';
  const logger = createLogger({ level: config.LOG_LEVEL });
  const registry = new Registry();
  const build = { version: manifest.version, commit: config.GIT_COMMIT };
  const metrics = createMetrics({ registry, enabled: config.TELEMETRY_ENABLED, build });
  const faults = createFaults({ enabled: config.FAULT_INJECTION, metrics, logger });
  const telemetry = telemetryRuntime();
  telemetry.onDropped((reason, spans) => {
    metrics.count('volwatch_telemetry_dropped_total', { signal: 'traces', reason }, spans);
  });

  if (!production) mkdirSync(config.VOLWATCH_DIRECTORY, { recursive: true });
  const keyRing = await usableKeyRing(config);
  const embedded =
    config.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({ directory: config.VOLWATCH_DIRECTORY, logger })
      : undefined;
  const database = await createDatabase({
    url: config.DATABASE_URL ?? embedded!.url,
    ssl: config.DATABASE_SSL,
    poolMax: config.DATABASE_POOL_MAX,
    acquireTimeoutMs: config.DATABASE_ACQUIRE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: config.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    maxTransactionRetries: config.DATABASE_TRANSACTION_RETRIES,
    applicationName: config.OTEL_SERVICE_NAME,
    entities: marketDataEntities,
    logger,
    metrics,
    clock,
  });
  const { unitOfWork, reader, lock } = database;

  const refreshes = createRefreshService({
    unitOfWork,
    reader,
    lock,
    provider: createSampleFileProvider({ directory: sampleDataDirectory }),
    universes: bundledUniverses,
    timeouts: { fetchMs: config.PROVIDER_TIMEOUT_MS, applyMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS },
    ids: uuidv7,
    faults,
    metrics,
    clock,
    logger,
  });
  const pricing = createPricingService({ engines: createEngineFactory(), clock, metrics, faults, logger });
  const auth = createAuth({
    keyRing,
    issuer: config.JWT_ISSUER,
    audience: config.JWT_AUDIENCE,
    publicUrl: config.PUBLIC_URL ?? `http://${config.HOST}:${config.PORT}`,
    accessTokenSeconds: config.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
    clockToleranceSeconds: config.JWT_CLOCK_TOLERANCE_SECONDS,
    clients: createBootstrapClients(bootstrapClient(config)),
    clock,
    metrics,
    faults,
  });

  let migrated = false;
  let draining = false;
  const stopped = new AbortController();
  const health = createHealth({
    checks: [untilMigrated(database.healthCheck, () => migrated)],
    clock,
    metrics,
    version: manifest.version,
    isDraining: () => draining,
  });
  const queries = createMarketDataQueries({ reader });
  const cursors = createCursors({
    secret: config.CURSOR_SECRET ?? (await derivedSecret(keyRing.signing, 'cursors')),
  });
  const app = createApp({
    routes: [
      ...health.routes,
      ...auth.routes,
      ...createPricingRoutes({ service: pricing }),
      ...createMarketDataRoutes({ refreshes, queries, cursors }),
    ],
    basePath: '/api/v1',
    openapi: { title: 'Volwatch', version: manifest.version, description: manifest.description },
    authenticate: auth.authenticate,
    limits: { bodyLimitBytes: config.BODY_LIMIT_BYTES, batchBodyLimitBytes: config.BATCH_BODY_LIMIT_BYTES },
    production,
    validateResponses: !production,
    trustedProxies: config.TRUSTED_PROXIES,
    corsOrigins: config.CORS_ORIGINS,
    logger,
    metrics,
    clock,
  });
  const server = createHttpServer({
    app,
    headersTimeoutMs: config.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
    production,
    clock,
    logger,
    metrics,
  });
  const admin = createAdminServer({
    registry,
    ...(config.FAULT_INJECTION && { faults }),
    collectors: [database.collect],
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    logger,
  });

  let addresses: Addresses | undefined;
  const listen = async (): Promise<void> => {
    const adminPort = (await admin.listen()).port;
    const port = await server.listen({ host: config.HOST, port: config.PORT });
    addresses = {
      url: `http://${config.HOST}:${port}`,
      adminUrl: `http://${config.METRICS_HOST}:${adminPort}`,
    };
    logger.info({ url: addresses.url, admin_url: addresses.adminUrl }, 'listening');
  };

  const bringUp = async (): Promise<void> => {
    await database.waitUntilReady({ signal: stopped.signal });
    await refreshes.closeDangling();
    migrated = true;
    await refreshes.restoreMetrics();
    await refreshes.refreshStale({ staleAfterMs: config.REFRESH_STALE_AFTER_HOURS * hourMs });
    logger.info({}, 'started');
    await runTelemetrySelfTest({ logger });
  };

  let graceMs = config.SHUTDOWN_GRACE_MS;
  const close = async (reason: string): Promise<void> => {
    logger.info({ reason }, 'stopping');
    draining = true;
    stopped.abort(new Error(`stopping: ${reason}`));
    server.drain();
    await Promise.all([server.close({ graceMs }), refreshes.close()]);
    await database.close();
    await embedded?.stop();
    await admin.close();
    await telemetry.shutdown(telemetryFlushMs);
    logger.info({}, 'stopped');
    logger.flush();
  };
  let closing: Promise<void> | undefined;

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
      graceMs = 0;
      void server.close({ graceMs: 0 });
    },
  };
};

const usableKeyRing = async (config: Config): Promise<KeyRing> => {
  const { keyRing, faults } = await loadKeyRing({
    privateKeyPem: config.JWT_PRIVATE_KEY,
    publicKeys: config.JWT_PUBLIC_KEYS,
    directory: config.VOLWATCH_DIRECTORY,
    production: config.NODE_ENV === 'production',
  });
  if (faults) throw new ConfigError(faults);
  return keyRing;
};

const bootstrapClient = ({ BOOTSTRAP_CLIENT_ID: id, BOOTSTRAP_CLIENT_SECRET: secret }: Config) =>
  id === undefined || secret === undefined ? undefined : { id, secret };

/** A database that answers is of no use before its schema is there. */
const untilMigrated = (check: HealthCheck, migrated: () => boolean): HealthCheck => ({
  ...check,
  check: async (signal) => {
    const reading = await check.check(signal);
    return reading.status === 'up' && !migrated() ? { status: 'down', detail: 'not migrated yet' } : reading;
  },
});
