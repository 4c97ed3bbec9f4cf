import { Client } from 'pg';
import type { Logger } from '#src/kernel/logger.ts';
import { translate } from './errors.ts';
import type { Migration } from './migrations/migration.ts';
import { clientOptions, type PoolOptions } from './pool.ts';

export type MigratorDeps = Pick<PoolOptions, 'url' | 'ssl' | 'applicationName'> & {
  readonly migrations: readonly Migration[];
  readonly logger: Logger;
};

export type Migrator = {
  /** Runs what has not run yet, each in its own transaction. @returns the names that ran */
  readonly up: () => Promise<readonly string[]>;
  /** Undoes the newest applied migration. @returns its name, undefined when there is none */
  readonly down: () => Promise<string | undefined>;
  /** Names not yet applied. */
  readonly pending: () => Promise<readonly string[]>;
};

const bounds = {
  connectionTimeoutMillis: 5_000,
  lock_timeout: 60_000,
  query_timeout: 600_000,
  keepAliveInitialDelayMillis: 10_000,
};

/**
 * Migrations are plain SQL run by this page of code rather than by MikroORM's migrator: it loads nothing by file name,
 * and holds an advisory lock so that two processes starting at once take turns.
 * @throws AppError of category database; a faulty statement's own error otherwise
 */
export const createMigrator = (deps: MigratorDeps): Migrator => {
  const { migrations, logger } = deps;

  const withClient = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    // A connection of its own: the pool's statement timeout must not cut a long migration or the wait for the lock.
    const client = new Client({ ...clientOptions(deps), ...bounds });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(`select pg_advisory_lock(hashtext('volwatch'), hashtext('migrations'))`);
      await client.query(
        `create table if not exists schema_migrations (name text primary key, applied_at timestamptz not null default now())`,
      );
      return await work(client);
    } catch (error) {
      throw translate(error);
    } finally {
      // Ending the session also lets go of the lock.
      await client.end().catch(() => {});
    }
  };

  const applied = async (client: Client): Promise<ReadonlySet<string>> => {
    const { rows } = await client.query<{ name: string }>('select name from schema_migrations');
    return new Set(rows.map(({ name }) => name));
  };

  const step = async (client: Client, statements: readonly string[], record: string, name: string): Promise<void> => {
    await client.query('begin');
    try {
      for (const statement of statements) await client.query(statement);
      await client.query(record, [name]);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    }
  };

  return {
    up: () =>
      withClient(async (client) => {
        const done = await applied(client);
        const ran: string[] = [];
        for (const { name, up } of migrations) {
          if (done.has(name)) continue;
          await step(client, up, 'insert into schema_migrations (name) values ($1)', name);
          logger.info({ migration: name }, 'Migration applied');
          ran.push(name);
        }
        return ran;
      }),
    down: () =>
      withClient(async (client) => {
        const done = await applied(client);
        const newest = migrations.findLast(({ name }) => done.has(name));
        if (!newest) return undefined;
        await step(client, newest.down, 'delete from schema_migrations where name = $1', newest.name);
        logger.info({ migration: newest.name }, 'Migration undone');
        return newest.name;
      }),
    pending: () =>
      withClient(async (client) => {
        const done = await applied(client);
        return migrations.map(({ name }) => name).filter((name) => !done.has(name));
      }),
  };
};
