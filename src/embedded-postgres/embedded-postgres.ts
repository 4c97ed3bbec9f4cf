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
import { noMetrics, type Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { assertOwner } from './data-owner.ts';
import { StartError } from '#src/kernel/start-error.ts';
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
import { superviseServer, type Supervisor } from './supervisor.ts';

export type EmbeddedPostgresDeps = {
  /** Contains all files of the server. It is created if it is missing. */
  readonly directory: string;
  readonly logger: Logger;
  /** Default: true. False is faster and not crash-safe; only for tests. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  readonly metrics?: Metrics;
};

export type EmbeddedPostgres = {
  readonly url: string;
  readonly trouble: Supervisor['trouble'];
  readonly stop: () => Promise<void>;
};

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

/** Creates the cluster under another name and renames it, so that a killed attempt leaves no incomplete cluster. */
const initialise = async (
  data: string,
  password: string,
  initdb: string,
  account: Account | undefined,
  durable: boolean,
): Promise<void> => {
  const incomplete = `${data}.making`;
  const passwordFile = `${data}.password`;
  rmSync(incomplete, { recursive: true, force: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  try {
    if (account) chownSync(passwordFile, account.uid, account.gid);
    const settings = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    await runToEnd(
      initdb,
      [
        `--pgdata=${incomplete}`,
        `--username=${user}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        ...settings,
        ...(durable ? [] : ['--no-sync']),
      ],
      account,
    );
    renameSync(incomplete, data);
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

/** Installs the extension for `/queries/top`. Only a superuser can do this; the user of the embedded server is one. */
const ensureStatistics = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query('create extension if not exists pg_stat_statements');
  } finally {
    await client.end();
  }
};

/**
 * Returns the URL of the server that runs in this directory, for commands while the service runs. Undefined if none
 * runs.
 */
export const runningEmbeddedPostgres = async (directory: string): Promise<string | undefined> => {
  const { home } = await hostFor(resolve(directory), serverAccount());
  const found = readPidFile(join(home, 'data'));
  if (!found?.ready || !isAlive(found.pid)) return undefined;
  const url = urlOf(found.port, readFileSync(join(home, 'password'), 'utf8'));
  return (await answers(url)) ? url : undefined;
};

/**
 * Starts a PostgreSQL for this service on a free loopback port. It runs the programs of the embedded-postgres packages
 * directly. The class of that package is not used for three reasons: it keeps the server in our process group, so
 * Ctrl-C would end it before the last transaction; it installs exit hooks; it does not handle a server that a killed
 * run left.
 *
 * A supervisor starts the server again on the same port if it ends. A watcher process stops the server if this process ends without a stop. If the watcher was killed too, the next start
 * uses the remaining server if it answers, and stops it if it does not.
 * @throws StartError if another service uses the directory
 * @throws Error if PostgreSQL cannot start; the message contains the reason
 */
export const startEmbeddedPostgres = async (deps: EmbeddedPostgresDeps): Promise<EmbeddedPostgres> => {
  const { logger, durable = true, maxConnections = 50, metrics = noMetrics } = deps;
  const account = serverAccount();
  const { home, binaries } = await hostFor(resolve(deps.directory), account);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (account) chownSync(home, account.uid, account.gid);
  const data = join(home, 'data');
  const log = join(home, 'server.log');
  const lock = join(home, 'instance.lock');
  // Only a directory without a running service can have the watcher of an earlier run. Else the lock refuses this
  // start.
  if (liveOwnerOf(lock) === undefined) await previousWatcherEnded(home);
  const releaseLock = holdInstanceLock(lock);
  let watcher: Watcher | undefined;

  const launch = async (port: number, logFlags: 'w' | 'a' = 'w'): Promise<number> => {
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
    const output = openSync(log, logFlags, 0o600);
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
      const isReady = await Promise.race([ready, failed]);
      if (exited || !isReady) {
        if (child.pid !== undefined) await stopServer(child.pid);
        throw new StartError(
          `PostgreSQL did not start; ${log} ends with: ${readFileSync(log, 'utf8').trim().split('\n').slice(-5).join(' / ')}`,
        );
      }
      return child.pid!;
    } finally {
      closeSync(output);
    }
  };

  /** Returns the server of a killed run if it accepts our password. Else it is stopped. */
  const takeOver = async (password: string): Promise<{ pid: number; port: number } | undefined> => {
    const remaining = readPidFile(data);
    if (!remaining) return undefined;
    removeStalePidFile();
    if (!readPidFile(data)) return undefined;
    await eventually(() => !isAlive(remaining.pid) || readPidFile(data)?.ready === true, 10_000);
    if (await answers(urlOf(remaining.port, password, 'postgres'))) {
      logger.info({ pid: remaining.pid }, 'Took over the PostgreSQL of an earlier run');
      return remaining;
    }
    await stopServer(remaining.pid);
    return undefined;
  };

  /** PostgreSQL removes a stale pid file, but not if an unrelated process has the same pid now. */
  const removeStalePidFile = (): void => {
    const remaining = readPidFile(data);
    if (!remaining || (isAlive(remaining.pid) && commandOf(remaining.pid).includes(data))) return;
    rmSync(join(data, 'postmaster.pid'), { force: true });
  };

  const startServer = async (): Promise<{ pid: number; port: number }> => {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      try {
        return { pid: await launch(port), port };
      } catch (error) {
        // Another process has taken the port, or processes of a killed server still hold its shared memory. Both are
        // temporary.
        if (attempt === 5) throw error;
        await sleep(200 * attempt);
      }
    }
  };

  try {
    const passwordFile = join(home, 'password');
    if (!existsSync(passwordFile)) {
      if (existsSync(data))
        throw new StartError(`${passwordFile} is missing; remove ${home} to start with an empty database`, {
          configuration: true,
        });
      writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
    }
    const password = readFileSync(passwordFile, 'utf8');
    if (existsSync(data)) assertOwner(data, account);
    else await initialise(data, password, binaries.initdb, account, durable);
    // The watcher starts before the server, so that there is no time without a watcher while the server runs.
    const activeWatcher = (watcher = await startWatcher(home, logger));
    const { pid, port } = (await takeOver(password)) ?? (await startServer());
    activeWatcher.serverIs(pid);
    await ensureDatabase(port, password);
    await ensureStatistics(urlOf(port, password));
    const supervisor = superviseServer({
      pid,
      isAlive,
      restart: async () => {
        removeStalePidFile();
        // Its log keeps the reason why the server ended.
        const next = await launch(port, 'a');
        activeWatcher.serverIs(next);
        return next;
      },
      logger,
      metrics,
    });
    const stop = async (): Promise<void> => {
      const running = await supervisor.stop();
      try {
        if (running !== undefined) await stopServer(running);
        await activeWatcher.end();
      } finally {
        releaseLock();
      }
    };
    let stopped: Promise<void> | undefined;
    return { url: urlOf(port, password), trouble: supervisor.trouble, stop: () => (stopped ??= stop()) };
  } catch (error) {
    const pid = readPidFile(data)?.pid;
    if (watcher && pid !== undefined && commandOf(pid).includes(data)) await stopServer(pid);
    await watcher?.end();
    releaseLock();
    throw error;
  }
};
