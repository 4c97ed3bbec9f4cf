import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { commandOf, isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { runningEmbeddedPostgres, startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';

const setup = (t: ExecutionContext): string => {
  const parent = mkdtempSync(join(tmpdir(), 'volwatch-embedded-'));
  // Run as root, the server is user postgres, who has to get in.
  chmodSync(parent, 0o711);
  t.teardown(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, '.volwatch');
};

const start = (directory: string) => startEmbeddedPostgres({ directory, logger: silentLogger });

const ask = async (url: string, text: string): Promise<unknown> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return Object.values((await client.query<Record<string, unknown>>(text)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
};

const postmasterPid = (directory: string): number =>
  Number(readFileSync(join(directory, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);

/** System V segments by number: PostgreSQL holds one for as long as it runs. Their creator is the postmaster. */
const sharedMemoryTable = (): { readonly id: string; readonly creator: number }[] =>
  readFileSync('/proc/sysvipc/shm', 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map((columns) => ({ id: columns[1]!, creator: Number(columns[4]) }));
const sharedMemory = (): string[] => sharedMemoryTable().map(({ id }) => id);
const sharedMemoryOf = (pid: number): string[] =>
  sharedMemoryTable()
    .filter(({ creator }) => creator === pid)
    .map(({ id }) => id);

/** Processes whose command line names the data directory. */
const serversOf = (data: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && commandOf(pid).includes(`-D ${data} `));

const watcherPid = (directory: string): number =>
  Number(readFileSync(join(directory, 'postgres/watcher.lock'), 'utf8').split(' ')[0]);

/** Another process that starts the server and says where. */
const startElsewhere = async (t: ExecutionContext, directory: string) => {
  const program = `
    import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
    import { silentLogger } from '#src/kernel/ports/logger.ts';
    const { url } = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, logger: silentLogger });
    console.log(url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  return {
    url: once(createInterface(child.stdout), 'line').then(([line]) => line as string),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
};

/** Service and watcher killed, so that nobody stops the server. @returns its address */
const leaveServerBehind = async (t: ExecutionContext, directory: string): Promise<string> => {
  const { url, kill } = await startElsewhere(t, directory);
  const address = await url;
  process.kill(watcherPid(directory), 'SIGKILL');
  await kill();
  return address;
};

test('the data of the first start exist in the second, and other accounts have no access', async (t) => {
  const directory = setup(t);
  t.is(await runningEmbeddedPostgres(directory), undefined);
  const first = await start(directory);
  t.is(await runningEmbeddedPostgres(directory), first.url);
  t.is(await ask(first.url, 'show fsync'), 'on');
  t.is(await ask(first.url, 'show listen_addresses'), '127.0.0.1');
  await ask(first.url, 'create table kept as select 42 as value');
  await t.throwsAsync(start(directory), { message: /Another Volwatch \(process \d+\) already runs/ });
  const wrong = new URL(first.url);
  wrong.password = 'wrong';
  await t.throwsAsync(ask(wrong.href, 'select 1'), { message: /password authentication failed/ });
  t.is(statSync(join(directory, 'postgres/password')).mode & 0o777, 0o600);
  const pid = postmasterPid(directory);
  await Promise.all([first.stop(), first.stop()]);
  t.false(isAlive(pid));

  const started = performance.now();
  const second = await start(directory);
  t.true(performance.now() - started < 5_000);
  t.is(await ask(second.url, 'select value from kept'), 42);
  await second.stop();
});

test('after a killed service no server, lock or shared memory remains, and its data are kept', async (t) => {
  const directory = setup(t);
  const { url, kill } = await startElsewhere(t, directory);
  await ask(await url, 'create table kept as select 42 as value');
  const pid = postmasterPid(directory);
  const watcher = watcherPid(directory);
  const shared = sharedMemoryOf(pid);
  t.true(shared.length > 0);
  await kill();
  await eventually(() => !isAlive(pid) && !isAlive(watcher), 'the server and its watcher end', 20_000);
  for (const left of ['data/postmaster.pid', 'instance.lock', 'watcher.lock']) {
    t.false(existsSync(join(directory, 'postgres', left)), left);
  }
  for (const segment of shared) t.false(sharedMemory().includes(segment), `shared memory ${segment}`);
  const next = await start(directory);
  t.is(await ask(next.url, 'select value from kept'), 42);
  await next.stop();
});

test('a start right after the kill waits for the watcher and does not use the server that it stops', async (t) => {
  const directory = setup(t);
  const { url, kill } = await startElsewhere(t, directory);
  await ask(await url, 'create table kept as select 42 as value');
  const pid = postmasterPid(directory);
  await kill();
  const next = await start(directory);
  t.not(postmasterPid(directory), pid);
  t.false(isAlive(pid));
  // The watcher of the killed service must do nothing in this time, so there is no condition to wait for.
  await sleep(1_000);
  t.is(await ask(next.url, 'select value from kept'), 42, 'the watcher of the killed service leaves this one alone');
  await next.stop();
});

test('a service that is killed during its start leaves no server', async (t) => {
  const directory = setup(t);
  // The first start creates the cluster. Later starts only have the watcher, the launch and the first statements.
  await (await start(directory)).stop();
  for (const delayMs of [0, 200, 300, 400, 500, 600, 800, 1_000, 1_500]) {
    const { url, kill } = await startElsewhere(t, directory);
    url.catch(() => {});
    // The service is killed at this moment of its start.
    await sleep(delayMs);
    await kill();
  }
  const data = join(directory, 'postgres/data');
  const gone = (): boolean => serversOf(data).length === 0 && !existsSync(join(directory, 'postgres/watcher.lock'));
  await eventually(gone, () => `no server is left: ${serversOf(data).join(' ')}`, 30_000);
  const next = await start(directory);
  t.is(await ask(next.url, 'select 1'), 1);
  await next.stop();
});

test('a killed service with a deleted directory leaves no server', async (t) => {
  const directory = setup(t);
  const { url, kill } = await startElsewhere(t, directory);
  await ask(await url, 'select 1');
  const pid = postmasterPid(directory);
  rmSync(directory, { recursive: true });
  await kill();
  await eventually(() => !isAlive(pid), 'the server ends', 20_000);
  t.false(isAlive(pid));
});

test('the watcher ends with an orderly stop', async (t) => {
  const directory = setup(t);
  const running = await start(directory);
  const watcher = watcherPid(directory);
  t.true(isAlive(watcher));
  await running.stop();
  t.false(isAlive(watcher));
  t.false(existsSync(join(directory, 'postgres/watcher.lock')));
});

test('the next start uses a server whose service and watcher were killed', async (t) => {
  const directory = setup(t);
  const left = await leaveServerBehind(t, directory);
  const pid = postmasterPid(directory);
  t.is(await ask(left, 'select 1'), 1);
  const next = await start(directory);
  t.is(next.url, left);
  t.is(postmasterPid(directory), pid);
  await next.stop();
  t.false(isAlive(pid));
});

test('service, watcher and server killed: the next start recovers', async (t) => {
  const directory = setup(t);
  const left = await leaveServerBehind(t, directory);
  await ask(left, 'create table kept as select 42 as value');
  const pid = postmasterPid(directory);
  process.kill(pid, 'SIGKILL');
  await eventually(() => !isAlive(pid), 'the server ends', 5_000);
  t.true(existsSync(join(directory, 'postgres/data/postmaster.pid')));
  const next = await start(directory);
  t.is(await ask(next.url, 'select value from kept'), 42);
  await next.stop();
});

test('a stale pid file with the pid of an unrelated process: the start succeeds, and the process continues', async (t) => {
  const directory = setup(t);
  const first = await start(directory);
  await first.stop();
  const bystander = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  t.teardown(() => bystander.kill('SIGKILL'));
  const stale = [bystander.pid, join(directory, 'postgres/data'), 1, 5432, '', '127.0.0.1', '1 1', 'ready'];
  writeFileSync(join(directory, 'postgres/data/postmaster.pid'), `${stale.join('\n')}\n`);
  writeFileSync(join(directory, 'postgres/instance.lock'), `${bystander.pid} 1\n`);
  const next = await start(directory);
  t.is(await ask(next.url, 'select 1'), 1);
  t.true(isAlive(bystander.pid ?? 0));
  await next.stop();
});

test('a start succeeds after an earlier one was killed while it created the cluster', async (t) => {
  const directory = setup(t);
  const first = await start(directory);
  await first.stop();
  rmSync(join(directory, 'postgres/data/PG_VERSION'));
  renameSync(join(directory, 'postgres/data'), join(directory, 'postgres/data.making'));
  const next = await start(directory);
  t.is(await ask(next.url, 'select 1'), 1);
  await next.stop();
});
