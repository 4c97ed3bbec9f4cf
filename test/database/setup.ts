import type { ExecutionContext } from 'ava';
import { createDatabase, type Database, type DatabaseDeps } from '#src/database/database.ts';
import type { LogFields } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';
import { createTcpProxy, type TcpProxy } from '#testkit/servers/tcp-proxy.ts';

export type Setup = {
  readonly database: Database;
  /** Past the code under test. */
  readonly admin: TestDatabase;
  readonly metrics: RecordedMetrics;
  /** Fields of the log lines, with their level. */
  readonly lines: readonly LogFields[];
};

/** A database with one table `account (id, balance)` holding 1 -> 100 and 2 -> 100. */
export const setup = async (t: ExecutionContext, overrides: Partial<DatabaseDeps> = {}): Promise<Setup> => {
  const admin = await setupDatabase(t, { migrated: false });
  await admin.query('create table account (id int primary key, balance int not null)');
  await admin.query('insert into account values (1, 100), (2, 100)');
  const metrics = recordMetrics();
  const lines: LogFields[] = [];
  const keep = (level: string) => (fields: LogFields) => void lines.push({ level, ...fields });
  const logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
  const database = await createDatabase({ ...databaseSettings(admin.url), metrics, logger, ...overrides });
  t.teardown(() => database.close());
  return { database, admin, metrics, lines };
};

export const setupBehindProxy = async (
  t: ExecutionContext,
  overrides: Partial<DatabaseDeps> = {},
): Promise<Setup & { readonly proxy: TcpProxy }> => {
  const target = new URL(process.env['TEST_DATABASE_URL'] ?? '');
  const proxy = await createTcpProxy({ target: { host: target.hostname, port: Number(target.port) } });
  const base = await setup(t);
  const url = new URL(base.admin.url);
  url.port = String(proxy.port);
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(url.href), metrics, ...overrides });
  t.teardown(async () => {
    await proxy.close();
    await database.close();
  });
  return { ...base, database, metrics, proxy };
};

export const balances = async (admin: TestDatabase): Promise<readonly unknown[]> =>
  (await admin.query('select balance from account order by id')).map((row) => row['balance']);
