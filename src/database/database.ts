import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM, type EntitySchema } from '@mikro-orm/postgresql';
import { orAbort } from '#src/kernel/abort.ts';
import { codeOf, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Lock, Query, SnapshotReader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { BoundPostgreSqlDriver } from './connections/bound-driver.ts';
import { inSnapshot } from './connections/snapshot.ts';
import { startOn } from './connections/start-on.ts';
import { createLock, createTransactionLock } from './connections/lock.ts';
import { translate } from './errors.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { migrations } from './migrations/index.ts';
import { parsePostgresUrl } from '#src/kernel/connections/postgres-url.ts';
import { kyselyOn } from './connections/kysely-on.ts';
import { createPool, ormTypes, type Pool, type PoolDeps } from './connections/pool.ts';
import type { PoolOptions } from './connections/pool-options.ts';
import { createSidePool, queryOnce, type SidePool } from './connections/side-pool.ts';
import { checkServer } from './connections/server-check.ts';
import { createReplicas, type ReplicaOptions, type Replicas } from './connections/replicas.ts';
import { differentTypes } from './column-types.ts';
import { createSchemaCheck, tablesOf, type SchemaCheck } from './schema-check.ts';
import { createMeasureMaintenance, type MeasureMaintenance } from './maintenance.ts';
import { startPauses } from './start-pauses.ts';
import { createTransfer, type Transfer } from './transfer/transfer.ts';
import {
  createClockDifference,
  databaseTimeOf,
  databaseTimeSql,
  type ClockDifference,
} from './statements/clock-difference.ts';
import { createUnitOfWork } from './unit-of-work.ts';

export type DatabaseDeps = PoolOptions &
  Partial<ReplicaOptions> &
  Pick<PoolDeps, 'slow' | 'abuse'> & {
    /**
     * The pool of the locks, which are held while a refresh waits for a provider. Default: `poolMax` and `maxPerCaller`
     * of the pool of the work.
     */
    readonly locks?: Pick<PoolOptions, 'poolMax' | 'maxPerCaller'>;
    /** Max number of times that a conflicting transaction runs again before `database_conflict`. */
    readonly maxTransactionRetries: number;
    /** Whether the start runs pending migrations. Default: true. */
    readonly migrate?: boolean;
    readonly entities: readonly EntitySchema[];
    readonly logger: Logger;
    readonly metrics: Metrics;
    readonly clock: Clock;
  };

export type Database = {
  readonly unitOfWork: UnitOfWork;
  /** Reads from the primary. */
  readonly reader: SnapshotReader;
  /** Reads from a replica whose lag is small enough, else from the primary. All commits of this process are visible. */
  readonly replicaReader: SnapshotReader;
  readonly lock: Lock;
  /**
   * Runs one statement, or several without parameters, on a pooled connection. For libraries that bring their own SQL.
   */
  readonly execute: (text: string, parameters?: readonly unknown[]) => Promise<{ readonly rows: unknown[] }>;
  readonly migrator: Migrator;
  /** Moves all data to another database. */
  readonly transfer: Transfer;
  /**
   * Checks what the service cannot change: version, encoding, schema, read-only mode, the kind of pooler.
   * @throws StartError that names the setting, or AppError of category database
   */
  readonly checkServer: () => Promise<void>;
  readonly healthCheck: HealthCheck;
  /** The time of the server. Times that other instances have written must be compared with it, because the clock of one process can be wrong. */
  readonly time: () => Promise<Date>;
  /** Connects, and returns the statements that would change the schema to match the entities; empty if it matches. */
  readonly drift: () => Promise<string>;
  /**
   * Checks the server, migrates (unless `migrate` is false) and verifies the schema. Repeats this with back-off while the server cannot be
   * reached, until it succeeds or `signal` aborts. An outdated schema is logged and shown on /health; it is no error.
   * @throws the reason of `signal`, StartError for a server that cannot be used, or the error of a faulty migration
   */
  readonly waitUntilReady: (options: { readonly signal: AbortSignal }) => Promise<void>;
  /** Sets the connection gauges. Is called before each scrape. */
  readonly collect: () => void;
  /** Waits until all connections in use are released, and closes them. */
  readonly close: () => Promise<void>;
};

/** A read changes nothing, so it runs once more on another connection if its connection turns out to be broken. */
const createReader = (pool: Pool): SnapshotReader => ({
  query: (async (text: string, parameters?: readonly unknown[]) => {
    const { connection, value } = await startOn(pool, 'statement', (acquired) => acquired.run(text, parameters));
    connection.release();
    return value.rows;
  }) as Query,
  snapshot: (work) => inSnapshot(pool, work),
});

const noReplicas: ReplicaOptions = {
  replicaUrls: [],
  replicaMaxLagMs: 5_000,
  replicaTimeoutMs: 1_000,
  replicaCheckMs: 1_000,
};

const healthTimeoutMs = 1_000;

/**
 * Uses a separate connection, because a pool with all connections in use must not be reported as a database that is
 * down. The timeout also covers a server that does not answer.
 */
const createHealthCheck = (
  pool: SidePool,
  replicas: Replicas,
  schema: SchemaCheck,
  measure: MeasureMaintenance,
  clockDifference: ClockDifference,
): HealthCheck => ({
  dependency: 'postgres',
  required: true,
  check: async (signal) => {
    const timeLimit = AbortSignal.any([signal, AbortSignal.timeout(healthTimeoutMs)]);
    try {
      const probe = queryOnce(pool, databaseTimeSql, healthTimeoutMs);
      const difference = await measure('probe_health', () =>
        orAbort(
          clockDifference.measure(async () => databaseTimeOf(await probe)),
          timeLimit,
        ),
      );
      const missing = schema.missing();
      if (missing.length > 0) return { status: 'degraded', detail: `schema behind: ${missing.join(', ')}` };
      return difference.status === 'up' ? replicas.health() : difference;
    } catch (error) {
      return { status: 'down', detail: timeLimit.aborted ? 'database_timeout' : codeOf(translate(error)) };
    }
  },
});

const retriedCodes: ReadonlySet<ErrorCode> = new Set(['database_unavailable', 'database_timeout', 'database_conflict']);

/**
 * The SQLSTATE or system error code of the cause. It separates a wrong password from a closed port, and contains no
 * text of the server.
 */
const causeCode = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;

/**
 * Constructs everything without a connection, because the service starts and reports `not ready` while PostgreSQL is
 * down.
 */
export const createDatabase = async (deps: DatabaseDeps): Promise<Database> => {
  const { logger, schema = 'public' } = deps;
  const orm = new MikroORM({
    driver: BoundPostgreSqlDriver,
    entities: [...deps.entities],
    dbName: parsePostgresUrl(deps.url).database,
    // The name in the URL can be an alias of PgBouncer. It is not in the catalogue, and MikroORM would create it.
    ensureDatabase: false,
    ...(schema !== 'public' && { schema }),
    // Units of work bring their own connection. MikroORM itself connects only to compare the schema.
    driverOptions: kyselyOn(async () => {
      const connection = await pool.acquire();
      return {
        query: (text, parameters) => connection.run(text, parameters, ormTypes),
        release: connection.release,
      };
    }),
    // Migrations define the triggers, because entities cannot describe a trigger on TRUNCATE.
    schemaGenerator: { skipTables: ['schema_migrations'], skipViews: [/^pg_stat_statements/], ignoreTriggers: true },
    discovery: { warnWhenNoEntities: false },
    debug: false,
  });
  const tables = new Set([...orm.getMetadata().getAll().values()].map(({ tableName }) => tableName));
  const pool = createPool({ ...deps, tables });
  const lockPool = createPool({ ...deps, ...deps.locks, tables, name: 'locks' });
  const healthPool = createSidePool(deps);
  const reader = createReader(pool);
  const measure = createMeasureMaintenance(deps);
  const replicas = createReplicas({ ...noReplicas, ...deps, tables, measure }, reader, healthPool);
  const plainMigrator = createMigrator({ ...deps, migrations });
  const migrator: Migrator = { ...plainMigrator, up: () => measure('migrate', plainMigrator.up) };
  const checkDatabaseServer = (): Promise<void> => measure('check_server', () => checkServer(deps));
  const schemaCheck = createSchemaCheck({
    ...deps,
    measure,
    query: reader.query,
    migrations,
    tables: tablesOf(orm.getMetadata().getAll().values()),
  });
  const migrate = deps.migrate ?? true;

  return {
    unitOfWork: createUnitOfWork({
      ...deps,
      pool,
      forkEntityManager: () => orm.em.fork(),
      ...(deps.replicaUrls?.length ? { committed: replicas.committed } : {}),
    }),
    reader,
    replicaReader: replicas.reader,
    execute: async (text, parameters) => {
      const connection = await pool.acquire();
      try {
        return await connection.run(text, parameters);
      } catch (error) {
        // Several statements can begin a transaction and leave it open if one of them fails.
        if (!connection.broken()) await connection.query('rollback').catch(() => {});
        throw error;
      } finally {
        connection.release();
      }
    },
    lock: (deps.sessionless ? createTransactionLock : createLock)({ pool: lockPool, logger }),
    migrator,
    transfer: createTransfer({ ...deps, tables, migrations: migrations.map(({ name }) => name) }),
    checkServer: checkDatabaseServer,
    healthCheck: createHealthCheck(healthPool, replicas, schemaCheck, measure, createClockDifference(deps)),
    time: async () => databaseTimeOf(await reader.query(databaseTimeSql)),
    drift: async () => {
      const [row] = await reader.query<{ name: string }>('select current_database() as name');
      if (row) orm.config.set('dbName', row.name);
      const known = (await orm.schema.getUpdateSchemaSQL({ wrap: false })).trim();
      const types = await differentTypes(reader.query, orm.getMetadata().getAll().values());
      return [known, ...types.filter((each) => !known.includes(each.slice(0, -1)))].filter(Boolean).join('\n');
    },
    waitUntilReady: async ({ signal }) => {
      for (const pause of startPauses()) {
        try {
          await orAbort(checkDatabaseServer(), signal);
          if (migrate) await orAbort(migrator.up(), signal);
          await orAbort(schemaCheck.verify(), signal);
          return;
        } catch (error) {
          signal.throwIfAborted();
          if (!retriedCodes.has(codeOf(error))) throw error;
          logger.warn(
            { code: codeOf(error), cause_code: causeCode(error), retry_in_ms: pause },
            'The database cannot be reached yet',
          );
        }
        await sleep(pause, undefined, { signal });
      }
    },
    collect: () => {
      pool.collect();
      lockPool.collect();
      replicas.collect();
    },
    close: async () => {
      await replicas.close();
      await pool.end();
      await lockPool.end();
      await healthPool.end();
      await orm.close();
    },
  };
};
