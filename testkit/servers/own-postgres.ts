import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { hostFor, runToEnd, serverAccount, serverEnvironment } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';
import { findSystemPostgres, type PostgresPrograms } from './programs.ts';
import { statementOn } from './replica.ts';

export type OwnPostgres = {
  /** Over TCP on 127.0.0.1. */
  readonly url: string;
  readonly port: number;
  /** Contains the Unix socket. */
  readonly socketDirectory: string;
};

export type OwnPostgresOptions = {
  /** `system`: the package of the system (Debian), which has translated messages. Default: the one from npm. */
  readonly programs?: 'npm' | 'system';
  readonly settings?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Files that the server reads, by name; `ssl_cert_file=server.crt` then names one of them. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf. */
  readonly access?: readonly string[];
};

const systemPrograms = (): PostgresPrograms => {
  const found = findSystemPostgres();
  if (found === undefined) throw new Error('No PostgreSQL of the system, which this test needs: run `npm run setup`');
  return found;
};

/** Starts a PostgreSQL with settings that the one of the test run cannot have; it is removed on teardown. */
export const startOwnPostgres = async (
  t: Pick<ExecutionContext, 'teardown'>,
  { programs = 'npm', settings = {}, environment = {}, files = {}, access }: OwnPostgresOptions = {},
): Promise<OwnPostgres> => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-own-'));
  chmodSync(directory, 0o711);
  const account = serverAccount();
  const binaries = programs === 'system' ? systemPrograms() : (await hostFor(directory, account)).binaries;
  const home = join(directory, 'home');
  const data = join(home, 'data');
  const own = (path: string): void => account && chownSync(path, account.uid, account.gid);
  await runToEnd('/bin/mkdir', ['-m', '755', home], undefined);
  own(home);
  await runToEnd(
    binaries.initdb,
    [`--pgdata=${data}`, '--username=volwatch', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    account,
  );
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(data, name), text, { mode: 0o600 });
    own(join(data, name));
  }
  if (access) writeFileSync(join(data, 'pg_hba.conf'), `${access.join('\n')}\n`);
  const port = await freePort();
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: home,
    max_connections: '50',
    fsync: 'off',
    ...settings,
  };
  const log = openSync(join(directory, 'server.log'), 'w');
  const child = spawn(
    binaries.postgres,
    ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...account, cwd: '/', env: { ...serverEnvironment, ...environment }, stdio: ['ignore', log, log] },
  );
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  t.teardown(async () => {
    child.kill('SIGQUIT');
    await exited;
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const local = `postgres://volwatch@${encodeURIComponent(home)}:${port}/postgres`;
  await eventually(
    async () => (await statementOn(local, 'select 1 as one').catch(() => [])).length === 1,
    () => `the server starts: ${readFileSync(join(directory, 'server.log'), 'utf8')}`,
    30_000,
  );
  return { url: `postgres://volwatch@127.0.0.1:${port}/postgres`, port, socketDirectory: home };
};
