import { createDatabase } from '#src/database/database.ts';
import { databaseSettings } from '#testkit/database.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import type { Scope } from '../chaos/scope.ts';

/**
 * Starts a PostgreSQL server with a migrated database. Durability is off, because the test kills processes but not the
 * machine.
 */
export const startHistoryDatabase = async (scope: Scope): Promise<string> => {
  const postgres = await startTemporaryPostgres(scope, { name: 'histories' });
  const database = await createDatabase(databaseSettings(postgres.url));
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  await database.close();
  return postgres.url;
};
