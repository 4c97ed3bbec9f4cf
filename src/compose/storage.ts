import { createDatabase, type Database } from '../database/database.ts';
import { startEmbeddedPostgres } from '../database/embedded-postgres.ts';
import { marketDataEntities } from '../market-data/entities.ts';
import type { Base } from './base.ts';

export type Storage = { readonly database: Database; readonly close: () => Promise<void> };

/** The database, its own server included when the environment names none. */
export const composeStorage = async ({ config, logger, metrics, clock }: Base): Promise<Storage> => {
  const embedded =
    config.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({ directory: config.VOLWATCH_DIRECTORY, logger })
      : undefined;
  const database = await createDatabase({
    url: config.DATABASE_URL ?? embedded!.url,
    ssl: config.DATABASE_SSL,
    poolMax: config.DATABASE_POOL_MAX,
    acquireTimeoutMs: config.DATABASE_ACQUIRE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: config.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    maxTransactionRetries: config.DATABASE_TRANSACTION_RETRIES,
    applicationName: config.OTEL_SERVICE_NAME,
    entities: marketDataEntities,
    logger,
    metrics,
    clock,
  });
  return {
    database,
    close: async () => {
      await database.close();
      await embedded?.stop();
    },
  };
};
