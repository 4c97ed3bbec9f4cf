import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings } from '#testkit/database.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';
import { balances, setupBehindProxy } from './setup.ts';

const retries = (metrics: RecordedMetrics): number =>
  metrics.value('volwatch_retries_total', { dependency: 'postgres' });
const codeThrown = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', codeOf);
const change = 'update account set balance = balance + 1';

test('a refused connection is tried again once', async (t) => {
  const recorded = recordMetrics();
  // The server is back at the second attempt.
  const metrics: RecordedMetrics = {
    ...recorded,
    count: (name, labels, amount) => {
      if (name === 'volwatch_retries_total') proxy.restore();
      recorded.count(name, labels, amount);
    },
  };
  const { database, proxy, admin } = await setupBehindProxy(t, { metrics });
  proxy.cut();
  t.deepEqual(await database.reader.query('select 1 as one'), [{ one: 1 }]);
  t.is(retries(recorded), 1);
  proxy.cut();
  await database.unitOfWork.run({ operation: 'refresh.apply' }, ({ query }) => query(change));
  t.is(retries(recorded), 2);
  t.deepEqual(await balances(admin), [101, 101]);
});

test('an idle connection that is broken when it is used is replaced by another one', async (t) => {
  const { database, proxy, metrics, admin } = await setupBehindProxy(t, { poolMax: 1 });
  await database.reader.query('select 1');
  // The pool does not know yet that its connection is gone, because no event has been handled since.
  proxy.cut();
  proxy.restore();
  t.deepEqual(await database.reader.query('select 2 as two'), [{ two: 2 }]);
  t.is(retries(metrics), 1);
  proxy.cut();
  proxy.restore();
  await database.unitOfWork.run({ operation: 'refresh.apply' }, ({ query }) => query(change));
  t.is(retries(metrics), 2);
  t.deepEqual(await balances(admin), [101, 101]);
});

test('work that has begun is not repeated, and a server that stays down is database_unavailable', async (t) => {
  const { database, proxy, metrics, admin } = await setupBehindProxy(t, { poolMax: 1 });
  let runs = 0;
  const lost = database.unitOfWork.run({ operation: 'refresh.apply' }, async ({ query }) => {
    runs += 1;
    await query(change);
    proxy.cut();
    await query('select 1');
  });
  t.is(await codeThrown(lost), 'database_unavailable');
  t.is(runs, 1);
  t.is(retries(metrics), 0);
  t.is(await codeThrown(database.reader.query('select 1')), 'database_unavailable');
  t.is(retries(metrics), 1, 'one second attempt, not more');
  t.deepEqual(await balances(admin), [100, 100]);
});

test('wrong credentials are not tried again, and neither is a connection without time left', async (t) => {
  const { admin, proxy, database } = await setupBehindProxy(t, { acquireTimeoutMs: 10 });
  const url = new URL(admin.url);
  url.pathname = '/no_such_database';
  const metrics = recordMetrics();
  const wrong = await createDatabase({ ...databaseSettings(url.href), metrics });
  t.teardown(() => wrong.close());
  t.is(await codeThrown(wrong.reader.query('select 1')), 'database_unavailable');
  t.is(retries(metrics), 0);
  proxy.cut();
  const began = performance.now();
  t.is(await codeThrown(database.reader.query('select 1')), 'database_unavailable');
  t.true(performance.now() - began < 2_000);
});
