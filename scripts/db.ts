/**
 * The schema from the command line: `npm run db:migrate`, `db:rollback` (one step), `db:verify` (nothing pending, and the
 * entities agree with the tables). Works on DATABASE_URL; without one, outside production, on the laptop's own database.
 */
import { createDatabase } from '#src/database/database.ts';
import { startEmbeddedPostgres } from '#src/database/embedded-postgres.ts';
import { entities } from '#src/compose/entities.ts';
import { loadConfig } from '#src/config.ts';
import { systemClock } from '#src/kernel/clock.ts';
import type { Logger } from '#src/kernel/logger.ts';
import { noMetrics } from '#src/kernel/metrics.ts';

const commands = ['migrate', 'rollback', 'verify'] as const;
const command = commands.find((name) => name === process.argv[2]);

const print = (fields: object, message: string): void => console.log(message, JSON.stringify(fields));
const logger: Logger = { debug: () => {}, info: print, warn: print, error: print };

const main = async (): Promise<number> => {
  if (!command) {
    console.error(`usage: node scripts/db.ts ${commands.join('|')}`);
    return 64;
  }
  const config = loadConfig();
  const own = config.DATABASE_URL
    ? undefined
    : await startEmbeddedPostgres({ directory: config.VOLWATCH_DIRECTORY, logger });
  const database = await createDatabase({
    url: config.DATABASE_URL ?? own!.url,
    ssl: config.DATABASE_SSL,
    poolMax: 1,
    acquireTimeoutMs: config.DATABASE_ACQUIRE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: config.DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    applicationName: 'volwatch-db',
    maxTransactionRetries: 0,
    entities,
    logger,
    metrics: noMetrics,
    clock: systemClock,
  });
  try {
    if (command === 'migrate') {
      const ran = await database.migrator.up();
      console.log(ran.length === 0 ? 'Nothing to migrate' : `Migrated: ${ran.join(', ')}`);
      return 0;
    }
    if (command === 'rollback') {
      const undone = await database.migrator.down();
      console.log(undone === undefined ? 'Nothing to roll back' : `Rolled back: ${undone}`);
      return 0;
    }
    const pending = await database.migrator.pending();
    const drift = await database.drift();
    if (pending.length > 0) console.error(`Pending: ${pending.join(', ')}`);
    if (drift !== '') console.error(`The entities want:\n${drift}`);
    if (pending.length === 0 && drift === '') console.log('Schema and entities agree');
    return pending.length === 0 && drift === '' ? 0 : 1;
  } finally {
    await database.close();
    await own?.stop();
  }
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
