import { Client } from 'pg';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { translate } from './errors.ts';
import type { Migration } from './migrations/migration.ts';
import { clientOptions, type PoolOptions } from './pool.ts';

export type MigratorDeps = Pick<PoolOptions, 'url' | 'ssl' | 'applicationName' | 'sessionless'> & {
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

const bounds = (sessionless = false) => ({
  connectionTimeoutMillis: 5_000,
  ...(!sessionless && { lock_timeout: 60_000 }),
  query_timeout: 600_000,
});

/** Ends with its transaction, so that it also holds behind a pooler that gives each transaction another session. */
const lockSql = `select pg_advisory_xact_lock(hashtext('volwatch'), hashtext('migrations'))`;

/**
 * Migrations are plain SQL run by this page of code rather than by MikroORM's migrator: it loads nothing by file name,
 * and each step holds an advisory lock so that two processes starting at once take turns.
 * @throws AppError of category database; a faulty statement's own error otherwise
 */
export const createMigrator = (deps: MigratorDeps): Migrator => {
  const { migrations, logger } = deps;

  const inTransaction = async <T>(client: Client, work: () => Promise<T>): Promise<T> => {
    await client.query('begin');
    try {
      await client.query(lockSql);
      const value = await work();
      await client.query('commit');
      return value;
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    }
  };

  const withClient = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    // A connection of its own: the pool's statement timeout must not cut a long migration or the wait for the lock.
    const client = new Client({ ...clientOptions(deps), ...bounds(deps.sessionless) });
    client.on('error', () => {});
    try {
      await client.connect();
      // Looked for first: a role that may create nothing can run on a schema that is there.
      const { rows } = await client.query<{ there: boolean }>(
        `select to_regclass('schema_migrations') is not null as there`,
      );
      if (!rows[0]?.there) {
        await inTransaction(client, () =>
          client.query(
            `create table if not exists schema_migrations (name text primary key, applied_at timestamptz not null default now())`,
          ),
        );
      }
      return await work(client);
    } catch (error) {
      throw translate(error);
    } finally {
      await client.end().catch(() => {});
    }
  };

  const applied = async (client: Client): Promise<ReadonlySet<string>> => {
    const { rows } = await client.query<{ name: string }>('select name from schema_migrations');
    return new Set(rows.map(({ name }) => name));
  };

  return {
    up: () =>
      withClient(async (client) => {
        const done = await applied(client);
        const ran: string[] = [];
        for (const { name, up } of migrations.filter((migration) => !done.has(migration.name))) {
          const begun = await inTransaction(client, async () => {
            // Somebody else may have run it while we waited for the lock.
            const { rowCount } = await client.query(
              'insert into schema_migrations (name) values ($1) on conflict do nothing',
              [name],
            );
            if (rowCount === 0) return false;
            for (const statement of up) await client.query(statement);
            return true;
          });
          if (!begun) continue;
          logger.info({ migration: name }, 'Migration applied');
          ran.push(name);
        }
        return ran;
      }),
    down: () =>
      withClient((client) =>
        inTransaction(client, async () => {
          const done = await applied(client);
          const newest = migrations.findLast(({ name }) => done.has(name));
          if (!newest) return undefined;
          for (const statement of newest.down) await client.query(statement);
          await client.query('delete from schema_migrations where name = $1', [newest.name]);
          logger.info({ migration: newest.name }, 'Migration undone');
          return newest.name;
        }),
      ),
    pending: () =>
      withClient(async (client) => {
        const done = await applied(client);
        return migrations.map(({ name }) => name).filter((name) => !done.has(name));
      }),
  };
};
