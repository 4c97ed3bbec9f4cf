import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '#src/database/database.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings } from '#testkit/database.ts';
import type { Scope } from '../chaos/scope.ts';

/**
 * Starts a PostgreSQL server with a migrated database. Durability is off, because the test kills processes but not the
 * machine.
 */
export const startHistoryDatabase = async (scope: Scope): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-histories-'));
  chmodSync(directory, 0o711);
  scope.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  const postgres = await startEmbeddedPostgres({ directory, logger: silentLogger, durable: false });
  scope.teardown(postgres.stop);
  const database = await createDatabase(databaseSettings(postgres.url));
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  await database.close();
  return postgres.url;
};
