import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';

export type TemporaryPostgres = {
  readonly url: string;
  /** Contains the files of the server in a folder of its own. Other files of the run may stand beside it. */
  readonly directory: string;
};

/**
 * Starts a PostgreSQL in a new folder of the system's temporary folder; both are removed on teardown.
 * @param options `name` is part of the name of the folder; without `durable` the server is faster and not crash-safe
 */
export const startTemporaryPostgres = async (
  scope: Pick<ExecutionContext, 'teardown'>,
  { name, durable = false }: { readonly name: string; readonly durable?: boolean },
): Promise<TemporaryPostgres> => {
  const directory = mkdtempSync(join(tmpdir(), `volwatch-${name}-`));
  // A run as root starts the server as another user, who must be able to enter the folder.
  chmodSync(directory, 0o711);
  scope.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  const { url, stop } = await startEmbeddedPostgres({
    directory: join(directory, 'postgres'),
    logger: silentLogger,
    durable,
  });
  scope.teardown(stop);
  return { url, directory };
};
