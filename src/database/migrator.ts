import type { Client } from 'pg';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Migration } from './migrations/migration.ts';
import { inOwnTransaction, withOwnClient, type OwnClientDeps } from './own-client.ts';

export type MigratorDeps = OwnClientDeps & {
  readonly migrations: readonly Migration[];
  readonly logger: Logger;
};

export type Migrator = {
  /** Runs all pending migrations, each in its own transaction. @returns the names of those that it ran */
  readonly up: () => Promise<readonly string[]>;
  /** Reverts the newest applied migration. @returns its name; undefined if none is applied */
  readonly down: () => Promise<string | undefined>;
  /** Names of the migrations that are not applied. */
  readonly pending: () => Promise<readonly string[]>;
};

/** A migration can take long, so the server does not end it. The wait for a lock of a table is limited. */
const lockTimeoutSql = `select pg_catalog.set_config('lock_timeout', '60s', true)`;

/** The lock ends with its transaction, so it also works behind a pooler that gives each transaction another session. */
const lockSql = `select pg_advisory_xact_lock(hashtext('volwatch'), hashtext('migrations'))`;

/**
 * Runs migrations that are plain SQL. The migrator of MikroORM is not used, because it loads files by name and takes no
 * lock. Here each migration holds an advisory lock, so that processes that start at the same time run one after the
 * other.
 * @throws AppError of category database, or the error of a faulty statement
 */
export const createMigrator = (deps: MigratorDeps): Migrator => {
  const { migrations, logger } = deps;

  const inTransaction = <T>(client: Client, work: () => Promise<T>): Promise<T> =>
    inOwnTransaction(client, deps, 'read committed', work);

  const underLock = <T>(client: Client, work: () => Promise<T>): Promise<T> =>
    inTransaction(client, async () => {
      await client.query(lockTimeoutSql);
      await client.query(lockSql);
      return work();
    });

  const withClient = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
    withOwnClient(deps, { query_timeout: 600_000 }, async (client) => {
      // The table is created only if it is missing, because the role may not have the right to create tables.
      const { rows } = await inTransaction(client, () =>
        client.query<{ there: boolean }>(`select to_regclass('schema_migrations') is not null as there`),
      );
      if (!rows[0]?.there) {
        await underLock(client, () =>
          client.query(
            `create table if not exists schema_migrations (name text primary key, applied_at timestamptz not null default now())`,
          ),
        );
      }
      return work(client);
    });

  const applied = async (client: Client): Promise<ReadonlySet<string>> => {
    const { rows } = await client.query<{ name: string }>('select name from schema_migrations');
    return new Set(rows.map(({ name }) => name));
  };

  return {
    up: () =>
      withClient(async (client) => {
        const done = await inTransaction(client, () => applied(client));
        const ran: string[] = [];
        for (const { name, up } of migrations.filter((migration) => !done.has(migration.name))) {
          const begun = await underLock(client, async () => {
            // Another process may have run the migration while this one waited for the lock.
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
        underLock(client, async () => {
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
        const done = await inTransaction(client, () => applied(client));
        return migrations.map(({ name }) => name).filter((name) => !done.has(name));
      }),
  };
};
