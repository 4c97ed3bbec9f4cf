import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger } from '#src/kernel/ports/logger.ts';
import {
  commandOf,
  eventually,
  hostFor,
  isAlive,
  runToEnd,
  serverAccount,
  serverEnvironment,
  type Account,
} from './embedded-postgres-host.ts';
import { readPidFile, stopServer } from './server-process.ts';
import { previousWatcherEnded, startWatcher, type Watcher } from './start-watcher.ts';
import { holdInstanceLock, liveOwnerOf } from './instance-lock.ts';
import { freePort } from './free-port.ts';

export type EmbeddedPostgresDeps = {
  /** Made when missing; everything of the server lives below it. */
  readonly directory: string;
  readonly logger: Logger;
  /** False gives up crash safety for speed: for tests only. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
};

export type EmbeddedPostgres = { readonly url: string; readonly stop: () => Promise<void> };

const user = 'volwatch';
const database = 'volwatch';
const startTimeoutMs = 30_000;

const urlOf = (port: number, password: string, name = database): string =>
  `postgres://${user}:${password}@127.0.0.1:${port}/${name}`;

const answers = async (url: string): Promise<boolean> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
};

/** Makes the cluster beside its place and renames it, so that a killed attempt leaves nothing half made. */
const initialise = async (
  data: string,
  password: string,
  initdb: string,
  account: Account | undefined,
  durable: boolean,
): Promise<void> => {
  const making = `${data}.making`;
  const passwordFile = `${data}.password`;
  rmSync(making, { recursive: true, force: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  try {
    if (account) chownSync(passwordFile, account.uid, account.gid);
    const settings = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    await runToEnd(
      initdb,
      [
        `--pgdata=${making}`,
        `--username=${user}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        ...settings,
        ...(durable ? [] : ['--no-sync']),
      ],
      account,
    );
    renameSync(making, data);
  } finally {
    rmSync(passwordFile, { force: true });
  }
};

const ensureDatabase = async (port: number, password: string): Promise<void> => {
  if (await answers(urlOf(port, password))) return;
  const client = new Client({ connectionString: urlOf(port, password, 'postgres'), connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
  } finally {
    await client.end();
  }
};

/** For `/queries/top`: only a superuser may install it, which on a laptop we are. */
const ensureStatistics = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query('create extension if not exists pg_stat_statements');
  } finally {
    await client.end();
  }
};

/** The address of the server that runs in this directory already, for commands beside a service; undefined without one. */
export const runningEmbeddedPostgres = async (directory: string): Promise<string | undefined> => {
  const { home } = await hostFor(resolve(directory), serverAccount());
  const found = readPidFile(join(home, 'data'));
  if (!found?.ready || !isAlive(found.pid)) return undefined;
  const url = urlOf(found.port, readFileSync(join(home, 'password'), 'utf8'));
  return (await answers(url)) ? url : undefined;
};

/**
 * The service's own PostgreSQL, on a free loopback port. It launches the binaries of the embedded-postgres packages
 * itself rather than through that package's class, which keeps the server in our process group (Ctrl-C would end it
 * before our last transaction), installs exit hooks of its own, and knows nothing of a server left by a killed run.
 * A watcher process stops the server when this process is gone without having done so. A server that is left even so
 * (the watcher was killed too) is taken over when it answers, and stopped when it does not.
 * @throws Error when another service runs on the same directory, or PostgreSQL cannot start; the message says why
 */
export const startEmbeddedPostgres = async (deps: EmbeddedPostgresDeps): Promise<EmbeddedPostgres> => {
  const { logger, durable = true, maxConnections = 50 } = deps;
  const account = serverAccount();
  const { home, binaries } = await hostFor(resolve(deps.directory), account);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (account) chownSync(home, account.uid, account.gid);
  const data = join(home, 'data');
  const log = join(home, 'server.log');
  const lock = join(home, 'instance.lock');
  // While a service holds the directory, its watcher is no earlier one: the lock then refuses this start at once.
  if (liveOwnerOf(lock) === undefined) await previousWatcherEnded(home);
  const letGo = holdInstanceLock(lock);
  let watcher: Watcher | undefined;

  const launch = async (port: number): Promise<number> => {
    const settings = {
      listen_addresses: '127.0.0.1',
      port,
      unix_socket_directories: '',
      max_connections: maxConnections,
      log_statement: 'none',
      shared_preload_libraries: 'pg_stat_statements',
      log_min_error_statement: 'panic',
      ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }),
    };
    const output = openSync(log, 'w', 0o600);
    try {
      const child = spawn(
        binaries.postgres,
        ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
        { ...account, cwd: '/', env: serverEnvironment, detached: true, stdio: ['ignore', output, output] },
      );
      const failed = new Promise<never>((_, reject) => child.once('error', reject));
      let exited = false;
      child.once('exit', () => (exited = true));
      child.unref();
      const ready = eventually(() => {
        const state = readPidFile(data);
        return exited || (state?.pid === child.pid && state?.ready === true);
      }, startTimeoutMs);
      const inTime = await Promise.race([ready, failed]);
      if (exited || !inTime) {
        if (child.pid !== undefined) await stopServer(child.pid);
        throw new Error(
          `PostgreSQL did not start: ${readFileSync(log, 'utf8').trim().split('\n').slice(-5).join(' / ')}`,
        );
      }
      return child.pid!;
    } finally {
      closeSync(output);
    }
  };

  /** A server of a killed run: reused when it answers with our password, else stopped. */
  const takeOver = async (password: string): Promise<{ pid: number; port: number } | undefined> => {
    const left = readPidFile(data);
    if (!left) return undefined;
    if (!isAlive(left.pid) || !commandOf(left.pid).includes(data)) {
      // PostgreSQL removes its own stale file, but not when an unrelated process has taken over the pid.
      rmSync(join(data, 'postmaster.pid'), { force: true });
      return undefined;
    }
    await eventually(() => !isAlive(left.pid) || readPidFile(data)?.ready === true, 10_000);
    if (await answers(urlOf(left.port, password, 'postgres'))) {
      logger.info({ pid: left.pid }, 'Took over the PostgreSQL of an earlier run');
      return left;
    }
    await stopServer(left.pid);
    return undefined;
  };

  const startAnew = async (): Promise<{ pid: number; port: number }> => {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      try {
        return { pid: await launch(port), port };
      } catch (error) {
        // The port was taken in between, or backends of a killed server still hold its shared memory: both pass.
        if (attempt === 5) throw error;
        await sleep(200 * attempt);
      }
    }
  };

  try {
    const passwordFile = join(home, 'password');
    if (!existsSync(passwordFile)) {
      if (existsSync(data))
        throw new Error(`${passwordFile} is missing; remove ${home} to start with an empty database`);
      writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
    }
    const password = readFileSync(passwordFile, 'utf8');
    if (!existsSync(data)) await initialise(data, password, binaries.initdb, account, durable);
    // Before the launch: there is no moment in which our end would leave a server behind.
    const watching = (watcher = await startWatcher(home, logger));
    const { pid, port } = (await takeOver(password)) ?? (await startAnew());
    watching.serverIs(pid);
    await ensureDatabase(port, password);
    await ensureStatistics(urlOf(port, password));
    let stopped: Promise<void> | undefined;
    return {
      url: urlOf(port, password),
      stop: () => (stopped ??= stopServer(pid).then(watching.end).finally(letGo)),
    };
  } catch (error) {
    const left = readPidFile(data)?.pid;
    if (watcher && left !== undefined && commandOf(left).includes(data)) await stopServer(left);
    await watcher?.end();
    letGo();
    throw error;
  }
};
