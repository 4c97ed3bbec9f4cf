import { createDatabase, type Database } from '../../database/index.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../embedded-postgres/index.ts';
import { plainConnections, type Config } from '../../config/index.ts';
import type { HealthCheck } from '../../kernel/ports/health.ts';
import { createRedis, type RedisAddress, type RedisConnection, withoutRedis } from '../../redis/index.ts';
import { sqlWithoutLiterals } from '../../telemetry/index.ts';
import type { Base } from '../base.ts';
import { callerLimits } from '../caller-limits.ts';
import { entities } from './entities.ts';

export type Storage = {
  readonly database: Database;
  readonly databaseCheck: HealthCheck;
  /** Undefined if Redis is not configured. Then limits and caches are stored in the process. */
  readonly redis: RedisConnection | undefined;
  readonly redisCheck: HealthCheck;
  /** What is closed, in this order. */
  readonly parts: Readonly<Record<string, { readonly close: () => Promise<void>; readonly closeMs?: number }>>;
};

/** Max pool size on a serverless platform, because many instances share a small database. */
const maxServerlessPool = 4;
const capped = ({ DATABASE_MODE }: Config, size: number): number =>
  DATABASE_MODE === 'serverless' ? Math.min(size, maxServerlessPool) : size;

const poolSize = (config: Config): number => {
  const size = config.ROLE === 'worker' ? config.DATABASE_WORKER_POOL_MAX : config.DATABASE_POOL_MAX;
  return capped(config, size);
};

/** Changes of universes, and the start, which ends the records of dead processes. */
const otherLocks = 2;
/** Each running refresh, upload and job of prices holds a lock, and so many of them run in this process. */
const lockPoolSize = (config: Config): number => {
  const { ROLE, JOBS_CONCURRENCY, REFRESHES_LIMIT, UPLOADS_LIMIT } = config;
  const jobs = ROLE === 'api' ? 0 : JOBS_CONCURRENCY;
  const uploads = ROLE === 'worker' ? 0 : UPLOADS_LIMIT;
  const refreshes = ROLE === 'all' ? REFRESHES_LIMIT : 0;
  return capped(config, jobs + uploads + refreshes + otherLocks);
};

/** The end of the server writes what it has in memory. */
const embeddedStopMs = 30_000;

/** Connects database and Redis. Without DATABASE_URL it starts an embedded PostgreSQL. */
export const composeStorage = async (base: Base): Promise<Storage> => {
  const { config, logger, metrics, clock, abuse, telemetry } = base;
  if (config.NODE_ENV === 'production') {
    for (const variable of plainConnections(config)) {
      logger.warn({ variable }, 'A connection to another machine is not encrypted');
    }
  }
  const embedded =
    config.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({ directory: config.VOLWATCH_DIRECTORY, logger, metrics })
      : undefined;
  const database = await createDatabase({
    url: config.DATABASE_URL ?? embedded!.url,
    // The embedded server has no TLS and listens on loopback only.
    ssl: config.DATABASE_URL === undefined ? undefined : config.DATABASE_SSL,
    schema: config.DATABASE_SCHEMA,
    migrate: config.DATABASE_MIGRATE,
    poolMax: poolSize(config),
    maxPerCaller: callerLimits(config).databaseConnections(poolSize(config)),
    locks: {
      poolMax: lockPoolSize(config),
      maxPerCaller: callerLimits(config).databaseConnections(lockPoolSize(config)),
    },
    sessionless: config.DATABASE_MODE === 'serverless',
    slow: { afterMs: config.DATABASE_SLOW_STATEMENT_MS, describe: sqlWithoutLiterals },
    acquireTimeoutMs: config.DATABASE_ACQUIRE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: config.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    maxTransactionRetries: config.DATABASE_TRANSACTION_RETRIES,
    applicationName: telemetry.serviceName,
    replicaUrls: config.DATABASE_REPLICA_URLS ?? [],
    replicaMaxLagMs: config.DATABASE_REPLICA_MAX_LAG_MS,
    replicaTimeoutMs: config.DATABASE_REPLICA_TIMEOUT_MS,
    replicaCheckMs: config.DATABASE_REPLICA_CHECK_MS,
    entities,
    abuse,
    logger,
    metrics,
    clock,
  });
  const redis = composeRedis(base);
  return {
    database,
    databaseCheck: embedded ? withEmbedded(database.healthCheck, embedded) : database.healthCheck,
    redis,
    redisCheck: redis?.healthCheck ?? withoutRedis(metrics),
    parts: {
      ...(redis && { redis }),
      database,
      ...(embedded && { 'embedded PostgreSQL': { close: embedded.stop, closeMs: embeddedStopMs } }),
    },
  };
};

/** The check says what is done about an embedded server that has ended. */
const withEmbedded = (check: HealthCheck, { trouble }: EmbeddedPostgres): HealthCheck => ({
  ...check,
  check: async (signal) => {
    const known = trouble();
    if (known?.status === 'down') return known;
    const reading = await check.check(signal);
    return reading.status === 'up' && known ? known : reading;
  },
});
/** The configuration was checked before: at most one of the kinds is set, apart from the account of the sentinels' servers. */
const redisAddress = (config: Config): RedisAddress | undefined => {
  const { REDIS_URL: url, REDIS_URLS: clusterUrls, REDIS_SENTINEL_URLS: sentinelUrls } = config;
  if (sentinelUrls) return { mode: 'sentinel', urls: sentinelUrls, group: config.REDIS_SENTINEL_GROUP, serverUrl: url };
  if (clusterUrls) return { mode: 'cluster', urls: clusterUrls };
  return url === undefined ? undefined : { mode: 'server', url };
};

const composeRedis = ({ config, logger, metrics, clock }: Base): RedisConnection | undefined => {
  const address = redisAddress(config);
  if (address) {
    return createRedis({ address, commandTimeoutMs: config.REDIS_COMMAND_TIMEOUT_MS, logger, metrics, clock });
  }
  logger.info({}, 'REDIS_URL is not set: limits and caches are stored in this process');
  return undefined;
};
