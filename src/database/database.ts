import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM, type EntitySchema } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import { codeOf, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Lock, Query, Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { bounded } from './bounded.ts';
import { createLock, createTransactionLock } from './lock.ts';
import { translate } from './errors.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { migrations } from './migrations/index.ts';
import { createPool, createSidePool, queryOnce, type Pool, type PoolDeps, type PoolOptions } from './pool.ts';
import { createReplicas, type ReplicaOptions, type Replicas } from './replicas.ts';
import { createSchemaCheck, tablesOf, type SchemaCheck } from './schema-check.ts';
import { createUnitOfWork } from './unit-of-work.ts';

export type DatabaseDeps = PoolOptions &
  Partial<ReplicaOptions> &
  Pick<PoolDeps, 'slow' | 'abuse'> & {
    /** How many times a conflicting transaction runs again before `database_conflict`. */
    readonly maxTransactionRetries: number;
    /** Whether a start runs the migrations that are missing; true unless told. */
    readonly migrate?: boolean;
    readonly entities: readonly EntitySchema[];
    readonly logger: Logger;
    readonly metrics: Metrics;
    readonly clock: Clock;
  };

export type Database = {
  readonly unitOfWork: UnitOfWork;
  /** The primary. */
  readonly reader: Reader;
  /** A replica that is near enough, else the primary; everything that this process has committed is seen. */
  readonly replicaReader: Reader;
  readonly lock: Lock;
  /** A statement, or several without parameters, on a pooled connection: for what brings its own SQL. */
  readonly execute: (text: string, parameters?: readonly unknown[]) => Promise<{ readonly rows: unknown[] }>;
  readonly migrator: Migrator;
  readonly healthCheck: HealthCheck;
  /** Statements that would make the schema what the entities say; empty when they agree. Connects. */
  readonly drift: () => Promise<string>;
  /**
   * Migrates (unless told not to) and verifies the schema, again and again with back-off while the server cannot be
   * reached, until done or `signal` aborts. A schema that is behind is logged and shown on /health, not thrown.
   * @throws the signal's reason, or what a faulty migration threw
   */
  readonly waitUntilReady: (options: { readonly signal: AbortSignal }) => Promise<void>;
  /** Sets the connection gauges; called at scrape time. */
  readonly collect: () => void;
  /** Waits for connections in use to come back. */
  readonly close: () => Promise<void>;
};

type SidePool = ReturnType<typeof createSidePool>;

const backOffMs = { first: 250, most: 5_000 };

const createReader = (pool: Pool): Reader => ({
  query: (async (text: string, parameters?: readonly unknown[]) => {
    const connection = await pool.acquire();
    try {
      return (await connection.query(text, parameters)).rows;
    } finally {
      connection.release();
    }
  }) as Query,
});

const noReplicas: ReplicaOptions = {
  replicaUrls: [],
  replicaMaxLagMs: 5_000,
  replicaTimeoutMs: 1_000,
  replicaCheckMs: 1_000,
};

const healthBoundMs = 1_000;

/** On a connection of its own, so a pool that is merely busy is not a database that is down; bounded, so it never hangs. */
const createHealthCheck = (pool: SidePool, replicas: Replicas, schema: SchemaCheck): HealthCheck => ({
  dependency: 'postgres',
  required: true,
  check: async (signal) => {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(healthBoundMs)]);
    try {
      await bounded(bound, queryOnce(pool, 'select 1', healthBoundMs));
      const behind = schema.behind();
      if (behind.length > 0) return { status: 'degraded', detail: `schema behind: ${behind.join(', ')}` };
      return replicas.health();
    } catch (error) {
      return { status: 'down', detail: bound.aborted ? 'database_timeout' : codeOf(translate(error)) };
    }
  },
});

const worthRetrying: ReadonlySet<ErrorCode> = new Set([
  'database_unavailable',
  'database_timeout',
  'database_conflict',
]);

/** The SQLSTATE or system error code beneath: tells a wrong password from a closed port without any text of theirs. */
const causeCode = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;

/** Builds everything without connecting: the service starts, and says that it is not ready, while PostgreSQL is away. */
export const createDatabase = async (deps: DatabaseDeps): Promise<Database> => {
  const { logger } = deps;
  const orm = new MikroORM({
    entities: [...deps.entities],
    dbName: new URL(deps.url).pathname.slice(1),
    // MikroORM itself connects for schema comparison only; units of work bring their own connection.
    driverOptions: new Kysely({ dialect: new PostgresDialect({ pool: async () => createSidePool(deps) }) }),
    // Triggers are the migrations' own: entities cannot say one that fires on TRUNCATE.
    schemaGenerator: { skipTables: ['schema_migrations'], skipViews: [/^pg_stat_statements/], ignoreTriggers: true },
    discovery: { warnWhenNoEntities: false },
    debug: false,
  });
  const tables = new Set([...orm.getMetadata().getAll().values()].map(({ tableName }) => tableName));
  const pool = createPool({ ...deps, tables });
  const healthPool = createSidePool(deps);
  const reader = createReader(pool);
  const replicas = createReplicas({ ...noReplicas, ...deps, tables }, reader, healthPool);
  const migrator = createMigrator({ ...deps, migrations });
  const schema = createSchemaCheck({
    ...deps,
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
      ...(deps.sessionless ? { localLimits: deps } : {}),
      ...(deps.replicaUrls?.length ? { committed: replicas.committed } : {}),
    }),
    reader,
    replicaReader: replicas.reader,
    execute: async (text, parameters) => {
      const connection = await pool.acquire();
      try {
        return await connection.query(text, parameters);
      } catch (error) {
        // Several statements may have begun a transaction, and left it open where one of them failed.
        if (!connection.broken()) await connection.query('rollback').catch(() => {});
        throw error;
      } finally {
        connection.release();
      }
    },
    lock: (deps.sessionless ? createTransactionLock : createLock)({ pool, logger }),
    migrator,
    healthCheck: createHealthCheck(healthPool, replicas, schema),
    drift: async () => (await orm.schema.getUpdateSchemaSQL({ wrap: false })).trim(),
    waitUntilReady: async ({ signal }) => {
      for (let delay = backOffMs.first; ; delay = Math.min(backOffMs.most, delay * 2)) {
        try {
          if (migrate) await bounded(signal, migrator.up());
          await bounded(signal, schema.verify());
          return;
        } catch (error) {
          signal.throwIfAborted();
          if (!worthRetrying.has(codeOf(error))) throw error;
          logger.warn(
            { code: codeOf(error), cause_code: causeCode(error), retry_in_ms: delay },
            'The database cannot be reached yet',
          );
        }
        await sleep(delay, undefined, { signal });
      }
    },
    collect: () => {
      pool.collect();
      replicas.collect();
    },
    close: async () => {
      await replicas.close();
      await pool.end();
      await healthPool.end();
      await orm.close();
    },
  };
};
