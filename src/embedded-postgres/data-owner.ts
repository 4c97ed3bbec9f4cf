import { statSync } from 'node:fs';
import { StartError } from '#src/kernel/start-error.ts';
import type { Account } from './embedded-postgres-host.ts';

/** PostgreSQL refuses a data directory of another user. @throws StartError that names both users */
export const assertOwner = (data: string, account: Account | undefined): void => {
  const { uid } = statSync(data);
  const wanted = account?.uid ?? process.getuid?.();
  if (wanted === undefined || uid === wanted) return;
  throw new StartError(
    `VOLWATCH_DIRECTORY: ${data} belongs to user ${uid}, and PostgreSQL runs as user ${wanted}. Change its owner, or set VOLWATCH_DIRECTORY or DATABASE_URL`,
    { configuration: true },
  );
};
