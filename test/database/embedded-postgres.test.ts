import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { isAlive, eventually } from '#src/database/embedded-postgres-host.ts';
import { runningEmbeddedPostgres, startEmbeddedPostgres } from '#src/database/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/logger.ts';

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

/** Another process that starts the server, says where, and is then killed without a chance to clean up. */
const startAndKill = async (t: ExecutionContext, directory: string): Promise<string> => {
  const program = `
    import { startEmbeddedPostgres } from '#src/database/embedded-postgres.ts';
    import { silentLogger } from '#src/kernel/logger.ts';
    const { url } = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, logger: silentLogger });
    console.log(url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  child.kill('SIGKILL');
  await once(child, 'exit');
  return url;
};

test('first start, data kept over a second one, nothing of it open to others', async (t) => {
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

test('the server outlives a killed service, and the next start takes it over', async (t) => {
  const directory = setup(t);
  const left = await startAndKill(t, directory);
  const pid = postmasterPid(directory);
  t.is(await ask(left, 'select 1'), 1);
  const next = await start(directory);
  t.is(next.url, left);
  t.is(postmasterPid(directory), pid);
  await next.stop();
  t.false(isAlive(pid));
});

test('service and server both killed: the next start recovers', async (t) => {
  const directory = setup(t);
  const left = await startAndKill(t, directory);
  await ask(left, 'create table kept as select 42 as value');
  const pid = postmasterPid(directory);
  process.kill(pid, 'SIGKILL');
  t.true(await eventually(() => !isAlive(pid), 5_000));
  t.true(existsSync(join(directory, 'postgres/data/postmaster.pid')));
  const next = await start(directory);
  t.is(await ask(next.url, 'select value from kept'), 42);
  await next.stop();
});

test('a stale pid file whose pid now is an unrelated process does not stop the start, nor the process', async (t) => {
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

test('a start killed while it made the cluster does not stop the next', async (t) => {
  const directory = setup(t);
  const first = await start(directory);
  await first.stop();
  rmSync(join(directory, 'postgres/data/PG_VERSION'));
  renameSync(join(directory, 'postgres/data'), join(directory, 'postgres/data.making'));
  const next = await start(directory);
  t.is(await ask(next.url, 'select 1'), 1);
  await next.stop();
});
