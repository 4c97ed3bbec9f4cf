import { entities } from '#src/compose/data/entities.ts';
import { loadConfig, type Config } from '#src/config/config.ts';
import { createDatabase, type Database } from '#src/database/database.ts';
import { runningEmbeddedPostgres, startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { telemetryRuntime } from '#src/telemetry/runtime.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';

const telemetryFlushMs = 3_000;

const print = (fields: object, message: string): void => console.error(message, JSON.stringify(fields));
const logger: Logger = { debug: () => {}, info: () => {}, warn: print, error: print };

/**
 * Runs `work` for a command with one connection to DATABASE_URL. Without DATABASE_URL, outside production, it uses the
 * local embedded database. If no running service has started that database, it is started for the command and stopped
 * afterwards.
 */
export const withDatabase = async <T>(
  applicationName: string,
  work: (database: Database, config: Config) => Promise<T>,
): Promise<T> => {
  const config = loadConfig();
  const { DATABASE_URL: given, VOLWATCH_DIRECTORY: directory } = config;
  const running = given ?? (await runningEmbeddedPostgres(directory));
  const own = running === undefined ? await startEmbeddedPostgres({ directory, logger }) : undefined;
  const database = await createDatabase({
    url: running ?? own!.url,
    ssl: given === undefined ? undefined : config.DATABASE_SSL,
    schema: config.DATABASE_SCHEMA,
    sessionless: config.DATABASE_MODE === 'serverless',
    poolMax: 1,
    acquireTimeoutMs: config.DATABASE_ACQUIRE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: config.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    applicationName,
    maxTransactionRetries: 0,
    entities,
    logger,
    metrics: noMetrics,
    clock: systemClock,
  });
  try {
    await database.checkServer();
    return await work(database, config);
  } finally {
    await database.close();
    await own?.stop();
    await telemetryRuntime().shutdown(telemetryFlushMs);
  }
};
