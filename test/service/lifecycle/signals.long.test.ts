import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  call,
  option,
  price,
  refresh,
  refreshRecordOf,
  serve,
  setFault,
  takeToken,
  temporaryDirectory,
} from '#testkit/running-service.ts';

type Reply = { readonly status: number | undefined; readonly connection: string | undefined; readonly text: string };

/** Over a connection of the agent's: fetch hides which one it uses, and the Connection header. */
const send = (url: string, agent: Agent, body?: unknown): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection, text }));
    };
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const request = httpRequest(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, answered);
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('SIGTERM: ready answers 503, requests in progress are finished, the status is 0', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, SHUTDOWN_DRAIN_MS: '800' });
  await service.logged(({ message }) => message === 'started');
  const agent = new Agent({ keepAlive: true });
  const busy = new Agent({ keepAlive: true });
  t.teardown(() => {
    agent.destroy();
    busy.destroy();
  });
  t.is((await send(`${service.url}/health/ready`, agent)).connection, 'keep-alive');
  await setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 2_500, count: 1 });
  const slow = send(`${service.url}/api/v1/pricing/price`, busy, option);
  await service.logged(({ message, fault_point: point }) => message === 'fault injected' && point === 'pricing.engine');
  const token = await takeToken(service);
  await setFault(service, 'refresh.store_prices', { mode: 'hang' });
  const interrupted = refresh(service, token, 'tech5');
  await service.logged(
    ({ message, fault_point: point }) => message === 'fault injected' && point === 'refresh.store_prices',
  );

  service.process.kill('SIGTERM');
  await service.logged(({ message }) => message === 'stopping');
  const rolledBack = await interrupted;
  t.like(rolledBack, { status: 503, body: { code: 'shutting_down' } });
  t.like(refreshRecordOf(rolledBack), { status: 'rolled_back', reason: 'shutting_down' });
  t.like((await refresh(service, token, 'sp500')).body, { status: 503, code: 'shutting_down' });
  t.like(await send(`${service.url}/health/ready`, agent), { status: 503, connection: 'close' });
  t.like(await send(`${service.url}/health/live`, agent), { status: 200, connection: 'close' });
  t.like(await send(`${service.url}/api/v1/pricing/price`, agent, option), { status: 200, connection: 'close' });
  const isRefused = (): Promise<boolean> =>
    send(`${service.url}/health/live`, agent).then(
      () => false,
      () => true,
    );
  await eventually(isRefused, 'after the drain no new connection is accepted');

  const finished = await slow;
  t.like(finished, { status: 200, connection: 'close' });
  t.is(typeof (JSON.parse(finished.text) as { price: unknown }).price, 'number');
  const began = performance.now();
  t.is((await service.exited).code, 0);
  t.true(performance.now() - began < 2_000, 'a connection kept alive by its client does not use up the grace');
  t.is(service.log.at(-1)?.message, 'stopped');
});

test('a second signal does not wait for requests that hang', async (t) => {
  const service = await serve(t, { DATABASE_URL: 'postgres://127.0.0.1:1/none' });
  await setFault(service, 'pricing.engine', { mode: 'hang' });
  const hanging = price(service);
  hanging.catch(() => {});
  await service.logged(({ message, fault_point: point }) => message === 'fault injected' && point === 'pricing.engine');
  service.process.kill('SIGTERM');
  await service.logged(({ message }) => message === 'stopping');
  // The time is the subject: the service must not end in it.
  await sleep(300);
  t.is(service.process.exitCode, null, 'the first signal waits');
  const began = performance.now();
  service.process.kill('SIGTERM');
  t.is((await service.exited).code, 0);
  t.true(performance.now() - began < 3_000);
  await t.throwsAsync(hanging);
});

test('an uncaught exception is logged, requests in progress are finished, the status is 1', async (t) => {
  const thrower = `data:text/javascript,process.once('SIGUSR2',()=>{throw new Error('nobody caught this')})`;
  const service = await serve(
    t,
    { DATABASE_URL: 'postgres://127.0.0.1:1/none' },
    { nodeArguments: ['--import', thrower] },
  );
  await setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 500 });
  const slow = price(service);
  await service.logged(({ message, fault_point: point }) => message === 'fault injected' && point === 'pricing.engine');
  service.process.kill('SIGUSR2');
  t.is((await slow).status, 200);
  t.is((await service.exited).code, 1);
  const line = await service.logged(({ message }) => message === 'uncaught');
  t.like(line, { level: 'error', kind: 'uncaughtException', err: { message: 'nobody caught this' } });
});

test('the next run works after a killed one; Ctrl-C ends the service and the embedded PostgreSQL', async (t) => {
  const directory = temporaryDirectory(t);
  const environment = { VOLWATCH_DIRECTORY: directory };
  const pidFile = join(directory, 'postgres', 'data', 'postmaster.pid');
  const postgres = (): number => Number(readFileSync(pidFile, 'utf8').split('\n')[0]);

  const killed = await serve(t, environment);
  await killed.ready();
  killed.process.kill('SIGKILL');
  await killed.exited;
  const pid = postgres();
  t.true(alive(pid));
  t.teardown(() => alive(pid) && process.kill(pid, 'SIGQUIT'));

  const service = await serve(t, environment, { detached: true });
  await service.ready();
  await service.logged(({ message }) => message === 'started');
  t.is((await call(`${service.url}/api/v1/indexes/TECH5_EW/values`)).status, 200);
  const last = postgres();
  process.kill(-service.pid, 'SIGINT');
  t.is((await service.exited).code, 0, service.stderr());
  t.is(service.log.at(-1)?.message, 'stopped');
  await eventually(() => !alive(pid) && !alive(last), 'both PostgreSQL servers end', 1_000);
  t.false(existsSync(pidFile));
});

test('the process ends although its log is not read', async (t) => {
  const service = await serve(t, { DATABASE_URL: 'postgres://127.0.0.1:1/none' });
  service.process.stdout?.pause();
  // More than a pipe holds.
  for (let batch = 0; batch < 30; batch += 1) {
    await Promise.all(Array.from({ length: 20 }, () => call(`${service.url}/nowhere`)));
  }
  const exit = once(service.process, 'exit', { signal: AbortSignal.timeout(15_000) });
  service.process.kill('SIGTERM');
  t.deepEqual(await exit, [null, 'SIGKILL']);
  service.process.stdout?.resume();
});
