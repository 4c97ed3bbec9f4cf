import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM, type EntitySchema } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import { AppError, codeOf, errorTable } from '#src/kernel/errors.ts';
import type { HealthCheck } from '#src/kernel/health.ts';
import type { Clock } from '#src/kernel/clock.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import type { Lock, Query, Reader, UnitOfWork } from '#src/kernel/unit-of-work.ts';
import { createLock } from './lock.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { migrations } from './migrations/index.ts';
import { createPool, ormPool, type Pool, type PoolOptions } from './pool.ts';
import { createUnitOfWork } from './unit-of-work.ts';

export type DatabaseDeps = PoolOptions & {
  /** How many times a conflicting transaction runs again before `database_conflict`. */
  readonly maxTransactionRetries: number;
  readonly entities: readonly EntitySchema[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

export type Database = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly lock: Lock;
  readonly migrator: Migrator;
  readonly healthCheck: HealthCheck;
  /** Statements that would make the schema what the entities say; empty when they agree. Connects. */
  readonly drift: () => Promise<string>;
  /**
   * Migrates, again and again with back-off while the server cannot be reached, until done or `signal` aborts.
   * @throws the signal's reason, or what a faulty migration threw
   */
  readonly waitUntilReady: (options: { readonly signal: AbortSignal }) => Promise<void>;
  /** Sets the connection gauges; called at scrape time. */
  readonly collect: () => void;
  /** Waits for connections in use to come back. */
  readonly close: () => Promise<void>;
};

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

/** Bounded by `signal` and by the pool's own timeouts, so it never hangs. */
const createHealthCheck = (reader: Reader): HealthCheck => ({
  dependency: 'postgres',
  required: true,
  check: async (signal) => {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(1_000)]);
    const late = Promise.withResolvers<never>();
    const give = (): void => late.reject(new AppError('database_timeout'));
    bound.addEventListener('abort', give, { once: true });
    try {
      bound.throwIfAborted();
      await Promise.race([reader.query('select 1'), late.promise]);
      return { status: 'up' };
    } catch (error) {
      return { status: 'down', detail: codeOf(error) };
    } finally {
      bound.removeEventListener('abort', give);
    }
  },
});

/** Builds everything without connecting: the service starts, and says that it is not ready, while PostgreSQL is away. */
export const createDatabase = async (deps: DatabaseDeps): Promise<Database> => {
  const { logger } = deps;
  const orm = new MikroORM({
    entities: [...deps.entities],
    dbName: new URL(deps.url).pathname.slice(1),
    // The pool is ours; MikroORM only reaches it for schema comparison. Units of work bring their own connection.
    driverOptions: new Kysely({ dialect: new PostgresDialect({ pool: async () => ormPool(deps) }) }),
    schemaGenerator: { skipTables: ['schema_migrations'] },
    discovery: { warnWhenNoEntities: false },
    debug: false,
  });
  const tables = new Set([...orm.getMetadata().getAll().values()].map(({ tableName }) => tableName));
  const pool = createPool({ ...deps, tables });
  const reader = createReader(pool);
  const migrator = createMigrator({ ...deps, migrations });

  return {
    unitOfWork: createUnitOfWork({ ...deps, pool, forkEntityManager: () => orm.em.fork() }),
    reader,
    lock: createLock({ pool, logger }),
    migrator,
    healthCheck: createHealthCheck(reader),
    drift: async () => (await orm.schema.getUpdateSchemaSQL({ wrap: false })).trim(),
    waitUntilReady: async ({ signal }) => {
      for (let delay = backOffMs.first; ; delay = Math.min(backOffMs.most, delay * 2)) {
        signal.throwIfAborted();
        try {
          await migrator.up();
          return;
        } catch (error) {
          if (errorTable[codeOf(error)].category !== 'database') throw error;
          logger.warn({ code: codeOf(error), retry_in_ms: delay }, 'The database cannot be reached yet');
        }
        await sleep(delay, undefined, { signal });
      }
    },
    collect: pool.collect,
    close: async () => {
      await pool.end();
      await orm.close();
    },
  };
};
