import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { marketDataEntities } from '#src/market-data/entities.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { RefreshService } from '#src/market-data/refresh/refresh-service.ts';
import { databaseSettings } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import type { Answer, Command } from './refresh-process.ts';
import { fingerprint, setup } from './setup.ts';

type Event = Answer['event'];

const startProcess = async (t: ExecutionContext, url: string) => {
  const child = fork(join(import.meta.dirname, 'refresh-process.ts'), [url]);
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const answers: Answer[] = [];
  child.on('message', (message: Answer) => answers.push(message));
  const wait = async (event: Event): Promise<Answer> => {
    for (;;) {
      const found = answers.find((answer) => answer.event === event);
      if (found) return found;
      await Promise.race([once(child, 'message'), exited.then(() => Promise.reject(new Error('the process ended')))]);
    }
  };
  await wait('ready');
  return { send: (command: Command) => child.send(command), wait, exited };
};

/**
 * Closes dangling records until at least one is closed, because the database needs a moment to notice a lost
 * connection. Returns the number of closed records.
 */
const closeDanglingEventually = async (refreshes: RefreshService): Promise<number> => {
  let closed = 0;
  await eventually(async () => {
    closed = await refreshes.closeDangling();
    return closed > 0;
  }, 'a dangling record is closed');
  return closed;
};

const codeThrown = async (t: ExecutionContext, work: Promise<unknown>): Promise<string | undefined> =>
  (await t.throwsAsync(work, { instanceOf: AppError }))?.code;

test.serial(
  'a process killed in the transaction leaves the data unchanged; the next start closes the record and can refresh',
  async (t) => {
    const { refreshes, admin, metrics } = await setup(t);
    await refreshes.run({ universe: 'tech5', trigger: 'startup' });
    const before = await fingerprint(admin);
    const child = await startProcess(t, admin.url);

    child.send({ do: 'fault', point: 'refresh.commit', mode: 'crash' });
    child.send({ do: 'run', universe: 'tech5' });
    const [, signal] = await child.exited;

    t.is(signal, 'SIGKILL');
    t.deepEqual(await fingerprint(admin), before);
    const [dangling] = await admin.query('select status, applied_at from refresh order by id desc limit 1');
    t.deepEqual(dangling, { status: 'running', applied_at: null });
    t.is(await closeDanglingEventually(refreshes), 1);
    const [closed] = await admin.query('select status, reason, finished_at from refresh order by id desc limit 1');
    t.like(closed, { status: 'rolled_back', reason: 'internal_error' });
    t.is(metrics.value('volwatch_errors_total', { code: 'internal_error', http_route: '' }), 1);
    t.truthy(closed?.['finished_at']);
    t.is((await refreshes.run({ universe: 'tech5', trigger: 'startup' })).status, 'succeeded');
    t.deepEqual(await fingerprint(admin), before);
  },
);

test.serial('with two processes a universe has one refresh at a time, and two universes run in parallel', async (t) => {
  const { refreshes, admin } = await setup(t);
  const child = await startProcess(t, admin.url);
  child.send({ do: 'fault', point: 'refresh.store_prices', mode: 'hang' });
  child.send({ do: 'run', universe: 'tech5' });
  await child.wait('started');

  t.is(await codeThrown(t, refreshes.run({ universe: 'tech5', trigger: 'request' })), 'refresh_in_progress');
  t.is(await refreshes.closeDangling(), 0, 'the record of a running process is not closed');
  t.is((await refreshes.run({ universe: 'sp500', trigger: 'request' })).status, 'succeeded');
  child.send({ do: 'clear', point: 'refresh.store_prices' });
  t.like(await child.wait('ended'), { status: 'succeeded' });

  const rows = await admin.query('select universe, status from refresh order by universe');
  t.deepEqual(rows, [
    { universe: 'sp500', status: 'succeeded' },
    { universe: 'tech5', status: 'succeeded' },
  ]);
  const [counts] = await admin.query('select count(*)::int as prices from price');
  t.is(counts?.['prices'], 5665);
});

test.serial(
  'a process that loses its lock during the fetch writes nothing, and its closed record stays closed',
  async (t) => {
    const { refreshes, admin, faults } = await setup(t);
    const { refreshes: other } = await setup(t, { database: { url: admin.url } });
    faults.set('provider.fetch', { mode: 'hang', probability: 1, delay_ms: 0 });
    const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: true });

    await admin.query(`select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and datname = current_database()`);
    t.is(await closeDanglingEventually(other), 1);
    faults.clear('provider.fetch');

    t.like(await ended, { status: 'rolled_back', reason: 'internal_error' });
    t.like(await fingerprint(admin), [{ rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }]);
  },
);

test.serial(
  'if the database fails before the outcome is recorded, the caller gets an error and the next start closes the record',
  async (t) => {
    const { refreshes: healthy, admin } = await setup(t);
    const { hostname, port } = new URL(admin.url);
    const proxy = await createTcpProxy({ target: { host: hostname, port: Number(port) } });
    const url = new URL(admin.url);
    url.port = String(proxy.port);
    const database = await createDatabase({ ...databaseSettings(url.href), entities: marketDataEntities });
    const { reader, lock, unitOfWork } = database;
    t.teardown(() => database.close());
    const { refreshes, faults } = await setup(t, { service: { reader, lock, unitOfWork } });
    faults.set('provider.fetch', { mode: 'hang', probability: 1, delay_ms: 0 });
    const { record, ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: true });

    await proxy.close();
    faults.clear('provider.fetch');

    t.is(await codeThrown(t, ended), 'database_unavailable');
    t.is(await closeDanglingEventually(healthy), 1);
    const [closed] = await admin.query('select status from refresh where id = $1', [record.id]);
    t.is(closed?.['status'], 'rolled_back');
  },
);

test.serial('a committed refresh without a recorded outcome is closed as succeeded', async (t) => {
  const { refreshes, admin } = await setup(t);
  const { id } = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  await admin.query(`update refresh set status = 'running', finished_at = null where id = $1`, [id]);

  t.is(await refreshes.closeDangling(), 1);

  const [closed] = await admin.query('select status, reason, prices from refresh where id = $1', [id]);
  t.deepEqual(closed, { status: 'succeeded', reason: null, prices: 560 });
});
