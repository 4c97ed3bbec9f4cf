import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { AppError } from '#src/kernel/errors.ts';
import { databaseSettings } from '#test/support/database.ts';
import { createTcpProxy } from '#test/support/tcp-proxy.ts';
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

/** A killed process's backends take a moment to notice. */
const eventually = async <T>(attempt: () => Promise<T>, done: (value: T) => boolean): Promise<T> => {
  for (let tries = 0; ; tries += 1) {
    const value = await attempt();
    if (done(value) || tries === 100) return value;
    await sleep(20);
  }
};

const codeThrown = async (t: ExecutionContext, work: Promise<unknown>): Promise<string | undefined> =>
  (await t.throwsAsync(work, { instanceOf: AppError }))?.code;

test.serial(
  'killed inside the transaction: data as before, the next start closes the record and refreshes again',
  async (t) => {
    const { refreshes, admin } = await setup(t);
    await refreshes.run({ universe: 'tech5', trigger: 'startup' });
    const before = await fingerprint(admin);
    const child = await startProcess(t, admin.url);

    child.send({ do: 'fault', point: 'refresh.commit', mode: 'crash' });
    child.send({ do: 'run', universe: 'tech5' });
    const [, signal] = await child.exited;

    t.is(signal, 'SIGKILL');
    t.deepEqual(await fingerprint(admin), before);
    const [left] = await admin.query('select status, applied_at from refresh order by id desc limit 1');
    t.deepEqual(left, { status: 'running', applied_at: null });
    t.is(await eventually(refreshes.closeDangling, (closed) => closed > 0), 1);
    const [closed] = await admin.query('select status, reason, finished_at from refresh order by id desc limit 1');
    t.like(closed, { status: 'rolled_back', reason: 'internal_error' });
    t.truthy(closed?.['finished_at']);
    t.is((await refreshes.run({ universe: 'tech5', trigger: 'startup' })).status, 'succeeded');
    t.deepEqual(await fingerprint(admin), before);
  },
);

test.serial('two processes: one universe runs once and refuses the other, two universes both run', async (t) => {
  const { refreshes, admin } = await setup(t);
  const child = await startProcess(t, admin.url);
  child.send({ do: 'fault', point: 'refresh.store_prices', mode: 'hang' });
  child.send({ do: 'run', universe: 'tech5' });
  await child.wait('started');

  t.is(await codeThrown(t, refreshes.run({ universe: 'tech5', trigger: 'request' })), 'refresh_in_progress');
  t.is(await refreshes.closeDangling(), 0, 'a living process keeps its record');
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
  'a process that lost its lock while fetching writes nothing, and its closed record stays closed',
  async (t) => {
    const { refreshes, admin, faults } = await setup(t);
    const { refreshes: other } = await setup(t, { database: { url: admin.url } });
    faults.set('provider.fetch', { mode: 'hang', probability: 1, delay_ms: 0 });
    const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: true });

    await admin.query(`select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and datname = current_database()`);
    t.is(await eventually(other.closeDangling, (closed) => closed > 0), 1);
    faults.clear('provider.fetch');

    t.like(await ended, { status: 'rolled_back', reason: 'internal_error' });
    t.like(await fingerprint(admin), [{ rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }]);
  },
);

test.serial(
  'database gone before the outcome is recorded: the caller hears it, the next start closes the record',
  async (t) => {
    const { refreshes: healthy, admin } = await setup(t);
    const { hostname, port } = new URL(admin.url);
    const proxy = await createTcpProxy({ target: { host: hostname, port: Number(port) } });
    const url = new URL(admin.url);
    url.port = String(proxy.port);
    const database = await createDatabase(databaseSettings(url.href));
    const { reader, lock, unitOfWork } = database;
    t.teardown(() => database.close());
    const { refreshes, faults } = await setup(t, { service: { reader, lock, unitOfWork } });
    faults.set('provider.fetch', { mode: 'hang', probability: 1, delay_ms: 0 });
    const { record, ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: true });

    await proxy.close();
    faults.clear('provider.fetch');

    t.is(await codeThrown(t, ended), 'database_unavailable');
    t.is(await eventually(healthy.closeDangling, (closed) => closed > 0), 1);
    const [closed] = await admin.query('select status from refresh where id = $1', [record.id]);
    t.is(closed?.['status'], 'rolled_back');
  },
);

test.serial('a commit whose outcome was never recorded is closed as what it was', async (t) => {
  const { refreshes, admin } = await setup(t);
  const { id } = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  await admin.query(`update refresh set status = 'running', finished_at = null where id = $1`, [id]);

  t.is(await refreshes.closeDangling(), 1);

  const [closed] = await admin.query('select status, reason, prices from refresh where id = $1', [id]);
  t.deepEqual(closed, { status: 'succeeded', reason: null, prices: 560 });
});
