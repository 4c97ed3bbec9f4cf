import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { serverAccount } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';
import { findPgBouncer } from './programs.ts';
import { statementOn } from './replica.ts';

export type PgBouncer = {
  /** Leads to the database `alias` of PgBouncer; a hyphen in it is percent-encoded. */
  readonly url: string;
  /** SIGKILL: its connections end, and its port refuses new ones. */
  readonly stop: () => Promise<void>;
  /** Starts it again on the same port. */
  readonly start: () => Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  readonly hang: () => void;
  readonly wake: () => void;
};

export type PgBouncerOptions = {
  readonly mode: 'transaction' | 'session';
  /** The name that clients use; it need not be the name of the database. */
  readonly alias?: string;
  /** Max connections to the server. With one, all clients share it. */
  readonly poolSize?: number;
};

/** Starts a PgBouncer before the database at `url`; it is stopped on teardown. */
export const startPgBouncer = async (
  t: Pick<ExecutionContext, 'teardown'>,
  url: string,
  { mode, alias = 'alias', poolSize = 5 }: PgBouncerOptions,
): Promise<PgBouncer> => {
  const program = findPgBouncer();
  if (program === undefined) throw new Error('No pgbouncer, which this test needs: run `npm run setup`');
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-pgbouncer-'));
  chmodSync(directory, 0o755);
  const { hostname, port: serverPort, username, password, pathname } = new URL(url);
  const port = await freePort();
  const server = `host=${hostname} port=${serverPort} dbname=${pathname.slice(1)} user=${username} password=${password}`;
  const settings = [
    `listen_addr = 127.0.0.1`,
    `listen_port = ${port}`,
    'unix_socket_dir =',
    // Only a test uses it, and the name of the user is of no importance then.
    'auth_type = any',
    `pool_mode = ${mode}`,
    `default_pool_size = ${poolSize}`,
    'max_client_conn = 200',
    // After a failed attempt to connect, its default is to wait for 15 s, also after a failover.
    'server_login_retry = 1',
  ];
  const file = join(directory, 'pgbouncer.ini');
  writeFileSync(file, `[databases]\n${alias} = ${server}\n[pgbouncer]\n${settings.join('\n')}\n`);
  chmodSync(file, 0o644);
  const log = openSync(join(directory, 'pgbouncer.log'), 'a');
  const own = `postgres://${username}@127.0.0.1:${port}/${encodeURIComponent(alias).replaceAll('-', '%2D')}`;
  let child: ChildProcess;
  let exited: Promise<void>;
  const start = async (): Promise<void> => {
    // PgBouncer refuses to run as root, as PostgreSQL does.
    const started = spawn(program, [file], { ...serverAccount(), cwd: '/', stdio: ['ignore', log, log] });
    child = started;
    exited = new Promise((done) => started.once('exit', () => done()));
    await eventually(
      async () => (await statementOn(own, 'select 1 as one').catch(() => [])).length === 1,
      () => `PgBouncer accepts connections: ${readFileSync(join(directory, 'pgbouncer.log'), 'utf8')}`,
      20_000,
    );
  };
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.teardown(async () => {
    await stop();
    closeSync(log);
    rmSync(directory, { recursive: true, force: true });
  });
  await start();
  return {
    url: own,
    stop,
    start,
    hang: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
  };
};
