import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Client } from 'pg';
import { hostFor, serverAccount, serverEnvironment } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { readPidFile } from '#src/embedded-postgres/server-process.ts';
import { eventually } from '#testkit/eventually.ts';

export type ReplicatedPostgres = {
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  /** SIGKILL to the primary, which does not start again. */
  readonly killPrimary: () => Promise<void>;
  /** Makes the replica a primary. */
  readonly promoteReplica: () => Promise<void>;
};

export type ReplicatedOptions = {
  /** Each commit waits until the replica has it, so that a failover loses no acknowledged write. Default: false. */
  readonly synchronous?: boolean;
  /** As in production: crash-safe, and with autovacuum. Default: false, which is faster. */
  readonly durable?: boolean;
};

/** One statement on a connection of its own. */
export const statementOn = async (url: string, text: string): Promise<Record<string, unknown>[]> => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
};

/** Copies a running server's files between pg_backup_start and pg_backup_stop: pg_basebackup is not in the package. */
const baseBackup = async (primaryUrl: string, from: string, to: string): Promise<void> => {
  const client = new Client({ connectionString: primaryUrl });
  await client.connect();
  try {
    await client.query(`select pg_backup_start('replica', true)`);
    cpSync(from, to, { recursive: true, filter: (path) => !/postmaster\.(pid|opts)$/.test(path) });
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    writeFileSync(join(to, 'backup_label'), rows[0]?.labelfile ?? '');
  } finally {
    await client.end();
  }
};

/** From now on, each commit waits for the replica. A setting of the role has precedence over the one of the command line. */
const waitForReplica = async (primaryUrl: string): Promise<void> => {
  await statementOn(primaryUrl, `alter system set synchronous_standby_names = '*'`);
  await statementOn(primaryUrl, 'alter role volwatch set synchronous_commit = on');
  await statementOn(primaryUrl, 'select pg_reload_conf()');
  await eventually(
    async () => (await statementOn(primaryUrl, `select from pg_stat_replication where sync_state = 'sync'`)).length > 0,
    'the replica is synchronous',
    20_000,
  );
};

/** Starts a PostgreSQL and a streaming replica of it; both are removed on teardown. */
export const startReplicated = async (
  t: Pick<ExecutionContext, 'teardown'>,
  { synchronous = false, durable = false }: ReplicatedOptions = {},
): Promise<ReplicatedPostgres> => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-replicated-'));
  chmodSync(directory, 0o711);
  const primary = await startEmbeddedPostgres({ directory, logger: silentLogger, durable });
  const account = serverAccount();
  const { home, binaries } = await hostFor(directory, account);
  const data = join(home, 'replica');
  await baseBackup(primary.url, join(home, 'data'), data);

  const { port: primaryPort } = new URL(primary.url);
  const password = readFileSync(join(home, 'password'), 'utf8');
  const conninfo = `host=127.0.0.1 port=${primaryPort} user=volwatch password=${password}`;
  writeFileSync(join(data, 'standby.signal'), '');
  writeFileSync(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = '${conninfo}'\nwal_retrieve_retry_interval = 200\n`,
  );
  if (account) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, data]);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 50,
    fsync: 'off',
  };
  const log = openSync(join(directory, 'replica.log'), 'w');
  const child = spawn(
    binaries.postgres,
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...account, cwd: '/', env: serverEnvironment, stdio: ['ignore', log, log] },
  );
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  t.teardown(async () => {
    child.kill('SIGQUIT');
    await exited;
    await primary.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const replica = new URL(primary.url);
  replica.port = String(port);
  await eventually(
    async () => {
      const rows = await statementOn(replica.href, 'select pg_is_in_recovery() as standby').catch(() => []);
      return rows[0]?.['standby'] === true;
    },
    () => `the replica starts: ${readFileSync(join(directory, 'replica.log'), 'utf8')}`,
    30_000,
  );
  if (synchronous) await waitForReplica(primary.url);
  return {
    primaryUrl: primary.url,
    replicaUrl: replica.href,
    killPrimary: async () => {
      const running = readPidFile(join(home, 'data'));
      if (running) process.kill(running.pid, 'SIGKILL');
      // Without this, its supervisor would start it again.
      await primary.stop();
    },
    promoteReplica: async () => {
      const rows = await statementOn(replica.href, 'select pg_promote(true, 30) as promoted');
      if (rows[0]?.['promoted'] !== true) throw new Error('the replica was not promoted within 30 s');
      // Its own copy of the setting names a replica that does not exist.
      await statementOn(replica.href, 'alter system reset synchronous_standby_names');
      await statementOn(replica.href, 'select pg_reload_conf()');
    },
  };
};
