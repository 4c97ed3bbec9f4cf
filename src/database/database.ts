import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM, type EntitySchema } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import type { QueryConfig } from 'pg';
import { codeOf, type ErrorCode } from '#src/kernel/errors.ts';
import type { HealthCheck } from '#src/kernel/health.ts';
import type { Clock } from '#src/kernel/clock.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import type { Lock, Query, Reader, UnitOfWork } from '#src/kernel/unit-of-work.ts';
import { createLock } from './lock.ts';
import { translate } from './errors.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { migrations } from './migrations/index.ts';
import { createPool, createSidePool, type Pool, type PoolOptions } from './pool.ts';
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

const unlessAborted = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const give = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', give, { once: true });
  if (signal.aborted) give();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', give);
  }
};

const healthBoundMs = 1_000;

/** On a connection of its own, so a pool that is merely busy is not a database that is down; bounded, so it never hangs. */
const createHealthCheck = (pool: SidePool): HealthCheck => ({
  dependency: 'postgres',
  required: true,
  check: async (signal) => {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(healthBoundMs)]);
    try {
      await unlessAborted(bound, pool.query({ text: 'select 1', query_timeout: healthBoundMs } as QueryConfig));
      return { status: 'up' };
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
    schemaGenerator: { skipTables: ['schema_migrations'], ignoreTriggers: true },
    discovery: { warnWhenNoEntities: false },
    debug: false,
  });
  const tables = new Set([...orm.getMetadata().getAll().values()].map(({ tableName }) => tableName));
  const pool = createPool({ ...deps, tables });
  const healthPool = createSidePool(deps);
  const migrator = createMigrator({ ...deps, migrations });

  return {
    unitOfWork: createUnitOfWork({ ...deps, pool, forkEntityManager: () => orm.em.fork() }),
    reader: createReader(pool),
    lock: createLock({ pool, logger }),
    migrator,
    healthCheck: createHealthCheck(healthPool),
    drift: async () => (await orm.schema.getUpdateSchemaSQL({ wrap: false })).trim(),
    waitUntilReady: async ({ signal }) => {
      for (let delay = backOffMs.first; ; delay = Math.min(backOffMs.most, delay * 2)) {
        try {
          await unlessAborted(signal, migrator.up());
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
    collect: pool.collect,
    close: async () => {
      await pool.end();
      await healthPool.end();
      await orm.close();
    },
  };
};
