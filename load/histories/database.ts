import { Client } from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings } from '#testkit/database.ts';
import { startTemporaryPostgres, type TemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import type { Scope } from '#testkit/scope.ts';

export type HistoryDatabase = TemporaryPostgres & {
  /** The connection that reads the state while refreshes run. */
  readonly observer: Client;
};

/**
 * Starts a PostgreSQL server with a migrated database. Durability is off, because the test kills processes but not the
 * machine.
 */
export const startHistoryDatabase = async (scope: Scope): Promise<HistoryDatabase> => {
  const postgres = await startTemporaryPostgres(scope, { name: 'histories' });
  const database = await createDatabase(databaseSettings(postgres.url));
  await database.waitUntilReady({ signal: AbortSignal.timeout(30_000) });
  await database.close();
  const observer = new Client({ connectionString: postgres.url });
  scope.teardown(() => observer.end());
  await observer.connect();
  return { ...postgres, observer };
};
