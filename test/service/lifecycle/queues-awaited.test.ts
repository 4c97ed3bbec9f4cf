import test from 'ava';
import { Client } from 'pg';
import { createQueuesAwaited } from '#src/compose/queues-awaited.ts';
import { setupDatabase } from '#testkit/database.ts';
import { call, dependencyStatus, price, serve, takeToken } from '#testkit/running-service.ts';
import { eventually } from '#testkit/eventually.ts';

const universe = {
  title: 'Mine',
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'AAA' }],
  indexes: [],
};

test('an instance is ready when its queues are open, and then takes changes and uploads at once', async (t) => {
  const database = await setupDatabase(t);
  const first = await serve(t, { DATABASE_URL: database.url });
  await first.logged(({ message }) => message === 'started');
  await first.stop();
  const [queue] = await database.query(`select to_regclass('pgboss.queue')::text as name`);
  t.is(queue?.['name'], 'pgboss.queue');

  // The start reads the queues, and waits for this lock until its statements end with a timeout. It repeats them.
  const holder = new Client({ connectionString: database.url });
  t.teardown(() => holder.end());
  await holder.connect();
  await holder.query('begin; lock table pgboss.queue in access exclusive mode');
  const service = await serve(t, { DATABASE_URL: database.url, DATABASE_STATEMENT_TIMEOUT_MS: '500' });
  const ready = () => call(`${service.url}/health/ready`);
  await service.logged(({ message, code }) => message === 'the start is interrupted' && code === 'database_timeout');
  await eventually(async () => (await dependencyStatus(service, 'postgres')) === 'up', 'the database is up');
  t.is(await dependencyStatus(service, 'jobs'), 'down');
  t.is((await ready()).status, 503);
  t.is((await price(service)).status, 200, 'a request that needs no queue is answered');

  await holder.query('commit');
  await eventually(async () => (await ready()).status === 200, 'the instance is ready');
  const headers = { Authorization: `Bearer ${await takeToken(service)}` };
  const created = await call(`${service.url}/api/v1/universes/mine`, {
    method: 'PUT',
    headers: { ...headers, 'If-None-Match': '*', 'Content-Type': 'application/json' },
    body: JSON.stringify(universe),
  });
  t.is(created.status, 201, created.text);
  const uploaded = await call(`${service.url}/api/v1/universes/mine/prices`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'text/csv', Prefer: 'wait=20' },
    body: 'symbol,date,close\nAAA,2024-01-02,100\n',
  });
  t.is(uploaded.status, 200, uploaded.text);
});

test('a start waits for its queues a minute at most, and not again after they were open', (t) => {
  const state = { milliseconds: 5_000, open: false };
  const create = () =>
    createQueuesAwaited({ clock: { monotonic: () => state.milliseconds }, isOpen: () => state.open });
  const awaited = create();
  t.true(awaited());
  state.milliseconds += 59_999;
  t.true(awaited());
  state.open = true;
  t.false(awaited());
  state.open = false;
  state.milliseconds += 1;
  t.false(awaited(), 'what needs no queue must be reachable');
  t.true(create()(), 'the minute begins when the database was reached');
});
