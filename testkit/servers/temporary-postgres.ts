import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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

export type TemporaryPostgresOptions = {
  /** A part of the name of the folder. */
  readonly name: string;
  /** Without it the server is faster and not crash-safe. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** The folder of an earlier run, or a new one, which stays. */
  readonly keptIn?: string | undefined;
};

/** Starts a PostgreSQL in a new folder of the system's temporary folder; both are removed on teardown. */
export const startTemporaryPostgres = async (
  scope: Pick<ExecutionContext, 'teardown'>,
  { name, durable = false, maxConnections = 50, keptIn }: TemporaryPostgresOptions,
): Promise<TemporaryPostgres> => {
  if (keptIn !== undefined) mkdirSync(keptIn, { recursive: true });
  const directory = keptIn ?? mkdtempSync(join(tmpdir(), `volwatch-${name}-`));
  // A run as root starts the server as another user, who must be able to enter the folder.
  chmodSync(directory, 0o711);
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  if (keptIn === undefined) scope.teardown(remove);
  const { url, stop } = await startEmbeddedPostgres({
    directory: join(directory, 'postgres'),
    logger: silentLogger,
    durable,
    maxConnections,
  });
  scope.teardown(stop);
  return { url, directory };
};
