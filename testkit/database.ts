import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { Client } from 'pg';
import type { DatabaseDeps } from '#src/database/database.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { templateName } from './migrations.ts';

export type TestDatabase = {
  readonly url: string;
  /** Past the code under test, each on a connection of its own. */
  readonly query: (text: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
};

/** What `withDatabase` needs of AVA: also fits `test.before`'s context. */
type Teardown = Pick<ExecutionContext, 'teardown'>;

const adminUrl = (): string => {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) throw new Error('TEST_DATABASE_URL is not set: run tests with `npm test` or `node scripts/test.ts FILE`');
  return url;
};

const statement = async (url: string, text: string, parameters: readonly unknown[] = []) => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...parameters])).rows;
  } finally {
    await client.end();
  }
};

/**
 * A database of the test's own on the run's real PostgreSQL: a clone of the migrated template (`migrated: false` gives
 * an empty one), dropped on teardown together with whatever connections are left.
 */
export const setupDatabase = async (
  t: Teardown,
  { migrated = true }: { readonly migrated?: boolean } = {},
): Promise<TestDatabase> => {
  const admin = adminUrl();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await statement(admin, `create database ${name} template ${migrated ? templateName : 'template0'}`);
  t.teardown(async () => {
    await statement(admin, `drop database if exists ${name} with (force)`);
  });
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return { url: url.href, query: (text, parameters) => statement(url.href, text, parameters) };
};

/** Ordinary settings for `createDatabase`, timeouts that a busy machine does not reach; lay your own over them. */
export const databaseSettings = (url: string): DatabaseDeps => ({
  url,
  ssl: 'disable',
  poolMax: 5,
  acquireTimeoutMs: 5_000,
  statementTimeoutMs: 5_000,
  idleInTransactionTimeoutMs: 5_000,
  applicationName: 'tests',
  maxTransactionRetries: 3,
  entities: [],
  logger: silentLogger,
  metrics: noMetrics,
  clock: systemClock,
});
