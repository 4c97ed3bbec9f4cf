import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { maxAttempts, superviseServer } from '#src/embedded-postgres/supervisor.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { call, metric, scrape, serve, temporaryDirectory } from '#testkit/running-service.ts';
import { statementOn } from '#testkit/servers/replica.ts';

const restarts = 'volwatch_embedded_postgres_restarts_total';
const timing = { pollMs: 5, firstDelayMs: 1, soundAfterMs: 60_000 };

const postmasterPid = (directory: string): number =>
  Number(readFileSync(join(directory, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);

const recordLog = () => {
  const lines: string[] = [];
  const keep = (level: string) => (_: object, message: string) => void lines.push(`${level}: ${message}`);
  return { lines, logger: { ...silentLogger, info: keep('info'), warn: keep('warn'), error: keep('error') } };
};

test('a killed server runs again at the same address with its data, more than once', async (t) => {
  const directory = temporaryDirectory(t);
  const metrics = recordMetrics();
  const { lines, logger } = recordLog();
  const embedded = await startEmbeddedPostgres({ directory, logger, metrics });
  t.teardown(embedded.stop);
  await statementOn(embedded.url, 'create table kept as select 42 as value');
  for (const round of [1, 2]) {
    const killed = postmasterPid(directory);
    process.kill(killed, 'SIGKILL');
    await eventually(
      () => metrics.value(restarts, { outcome: 'restarted' }) === round,
      'the server runs again',
      40_000,
    );
    t.not(postmasterPid(directory), killed);
    t.deepEqual(await statementOn(embedded.url, 'select value from kept'), [{ value: 42 }]);
    t.deepEqual(embedded.trouble(), {
      status: 'degraded',
      detail: `the embedded server had ended; attempt ${round} started it again`,
    });
  }
  t.true(lines.includes('warn: The embedded PostgreSQL has ended and is started again'));
  t.true(lines.includes('info: The embedded PostgreSQL runs again'));
  const last = postmasterPid(directory);
  await embedded.stop();
  t.false(isAlive(last), 'the stop ends the server that was started last');
});

test('a server that cannot start any more is given up after a limited number of attempts', async (t) => {
  const metrics = recordMetrics();
  const { lines, logger } = recordLog();
  let started = 0;
  const supervisor = superviseServer({
    pid: 1,
    isAlive: () => false,
    restart: () => Promise.reject(new Error(`no start ${(started += 1)}`)),
    logger,
    metrics,
    timing,
  });
  await eventually(() => metrics.value(restarts, { outcome: 'given_up' }) === 1, 'the supervisor gives up');
  t.is(started, maxAttempts);
  t.is(metrics.value(restarts, { outcome: 'failed' }), maxAttempts);
  t.regex(supervisor.trouble()?.detail ?? '', /does not stay up after 6 attempts/);
  t.true(lines.includes('error: The embedded PostgreSQL is not started again, because it does not stay up'));
  t.is(await supervisor.stop(), undefined);
});

test('a server that starts and ends again and again is given up too; one that stays up gets all attempts again', async (t) => {
  for (const soundAfterMs of [60_000, 0]) {
    const metrics = recordMetrics();
    let looks = 0;
    const supervisor = superviseServer({
      pid: 1,
      // Each server is seen alive once, and then it has ended.
      isAlive: () => (looks += 1) % 2 === 1,
      restart: async () => 2,
      logger: silentLogger,
      metrics,
      timing: { ...timing, soundAfterMs },
    });
    const restarted = (): number => metrics.value(restarts, { outcome: 'restarted' });
    if (soundAfterMs === 0) await eventually(() => restarted() > maxAttempts * 2, 'it is always started again');
    else await eventually(() => metrics.value(restarts, { outcome: 'given_up' }) === 1, 'it is given up');
    if (soundAfterMs > 0) t.is(restarted(), maxAttempts);
    if (soundAfterMs > 0) t.is(supervisor.trouble()?.status, 'down');
    await supervisor.stop();
  }
});

test('a stop during the delay of an attempt ends the supervision without a start', async (t) => {
  let started = 0;
  const supervisor = superviseServer({
    pid: 1,
    isAlive: () => false,
    restart: async () => (started += 1),
    logger: silentLogger,
    metrics: recordMetrics(),
    timing: { ...timing, firstDelayMs: 60_000 },
  });
  await eventually(() => supervisor.trouble() !== undefined, 'the attempt waits');
  t.is(await supervisor.stop(), undefined);
  t.is(started, 0);
});

test('a service whose PostgreSQL was killed says so, recovers, and stops the new server when it is killed itself', async (t) => {
  const directory = temporaryDirectory(t);
  const service = await serve(t, { VOLWATCH_DIRECTORY: directory });
  await service.ready();
  await service.logged(({ message }) => message === 'started', 60_000);
  const health = async () =>
    (await call(`${service.url}/health`)).body['dependencies'] as { postgres: Record<string, unknown> };
  const killed = postmasterPid(directory);
  process.kill(killed, 'SIGKILL');
  await service.logged(({ message }) => message === 'The embedded PostgreSQL runs again', 60_000);
  await service.ready();
  await eventually(
    async () => /attempt \d started it again/.test(String((await health()).postgres['detail'])),
    'health says what was done',
    20_000,
  );
  t.is((await health()).postgres['status'], 'degraded');
  t.is((await call(`${service.url}/api/v1/assets/AAPL/prices?limit=1`)).status, 200);
  t.true(metric(await scrape(service), restarts, { outcome: 'restarted' }) >= 1);
  const next = postmasterPid(directory);
  t.not(next, killed);
  service.process.kill('SIGKILL');
  await service.exited;
  // Without the file the watcher knows the server only from the message of the service. It may have stopped the server already.
  rmSync(join(directory, 'postgres/data/postmaster.pid'), { force: true });
  await eventually(() => !isAlive(next), 'the watcher stops the new server', 30_000);
});
