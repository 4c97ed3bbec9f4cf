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
  /** Runs a statement without the code under test, on a new connection. */
  readonly query: (text: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;
};

/** The part of AVA's context that `setupDatabase` needs; the context of `test.before` has it too. */
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
 * Creates a database for one test on the PostgreSQL of the test run: a clone of the migrated template, or an empty
 * database with `migrated: false`. Teardown closes its connections and drops it.
 */
export const setupDatabase = async (
  t: Teardown,
  { migrated = true }: { readonly migrated?: boolean } = {},
): Promise<TestDatabase> => {
  const admin = adminUrl();
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = migrated ? templateName : 'template0';
  // Copying files takes two thirds of the processor time of the default strategy, which writes each page to the log.
  await statement(admin, `create database ${name} template ${template} strategy file_copy`);
  t.teardown(async () => {
    await statement(admin, `drop database if exists ${name} with (force)`);
  });
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return { url: url.href, query: (text, parameters) => statement(url.href, text, parameters) };
};

/** Default settings for `createDatabase`. The timeouts are long enough for a busy machine. */
export const databaseSettings = (url: string): DatabaseDeps => ({
  url,
  ssl: undefined,
  poolMax: 5,
  // The requests of a test come from one address. The share of a caller has tests of its own.
  maxPerCaller: 1_000,
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
