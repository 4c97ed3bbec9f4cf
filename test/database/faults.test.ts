import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createDatabase, type Database } from '#src/database/database.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { databaseSettings } from '#testkit/database.ts';
import { captureSpans } from '#testkit/spans.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { eventually } from '#testkit/eventually.ts';
import { balances, setup, setupBehindProxy } from './setup.ts';

const operation = 'refresh.apply';
const transactions = 'volwatch_db_transactions_total';

/** Outcome of `work` as its error code, and how long it took in milliseconds. */
const failure = async (work: Promise<unknown>): Promise<{ readonly code: string; readonly took: number }> => {
  const started = performance.now();
  const code = await work.then(
    () => 'none',
    (error: unknown) => codeOf(error),
  );
  return { code, took: performance.now() - started };
};

/** A check is bounded to a second, which a busy machine may need for a new connection. */
const comesUp = async (database: Database): Promise<boolean> => {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if ((await database.healthCheck.check(AbortSignal.timeout(1_000))).status === 'up') return true;
  }
  return false;
};

const remembering = (): Logger & { readonly errors: Record<string, unknown>[] } => {
  const errors: Record<string, unknown>[] = [];
  const nothing = (): void => {};
  return { errors, debug: nothing, info: nothing, warn: nothing, error: (fields) => errors.push({ ...fields }) };
};

test.serial('a connection cut in a transaction: rollback, the right code, and the pool keeps its size', async (t) => {
  const { database, admin, metrics, proxy } = await setupBehindProxy(t, { poolMax: 2 });
  const spans = captureSpans(t);
  for (let round = 1; round <= 3; round += 1) {
    const { code } = await failure(
      database.unitOfWork.run({ operation }, async ({ query }) => {
        await query('update account set balance = 0');
        proxy.cut();
        await query('select 1');
      }),
    );
    t.is(code, 'database_unavailable');
    t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_unavailable' }), round);
    proxy.restore();
  }
  t.deepEqual(await balances(admin), [100, 100]);
  const span = spans.named('db.transaction refresh.apply').at(-1);
  t.is(span?.attributes['volwatch.transaction.rollback_reason'], 'database_unavailable');
  t.deepEqual(await database.reader.query('select 1 as one'), [{ one: 1 }]);
});

test('a connection lost during commit counts as rolled back and is logged as unknown', async (t) => {
  const logger = remembering();
  const { database, metrics, proxy } = await setupBehindProxy(t, { logger });
  const { code } = await failure(
    database.unitOfWork.run({ operation }, async ({ query }) => {
      await query('update account set balance = 0');
      // The connection is cut after COMMIT was sent and before it arrives.
      proxy.latency(100);
      setTimeout(() => proxy.cut(), 50);
    }),
  );
  t.is(code, 'database_unavailable');
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_unavailable' }), 1);
  t.like(logger.errors[0], { outcome: 'unknown', operation, code: 'database_unavailable' });
});

test('a session that an administrator ends is database_unavailable, and the process continues', async (t) => {
  const { database, admin } = await setup(t);
  const { code } = await failure(
    database.unitOfWork.run({ operation }, async ({ query }) => {
      const [row] = await query<{ pid: number }>('select pg_backend_pid() as pid');
      await admin.query('select pg_terminate_backend($1)', [row?.pid]);
      await eventually(
        async () => (await admin.query('select 1 from pg_stat_activity where pid = $1', [row?.pid])).length === 0,
        'the session is ended',
      );
      await query('select 1');
    }),
  );
  t.is(code, 'database_unavailable');
  t.true(await comesUp(database));
});

test('an exhausted pool answers within its timeout', async (t) => {
  const { database, metrics } = await setup(t, { poolMax: 1, acquireTimeoutMs: 1_000 });
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const first = database.unitOfWork.run({ operation }, async () => {
    begun.resolve();
    await held.promise;
  });
  await begun.promise;
  const waiting = failure(database.unitOfWork.run({ operation }, async () => {}));
  database.collect();
  t.is(metrics.value('db_client_connection_count', { state: 'used', pool: 'primary' }), 1);
  t.is(metrics.value('db_client_connection_pending_requests'), 1);
  const { code, took } = await waiting;
  held.resolve();
  await first;
  t.is(code, 'database_pool_exhausted');
  t.true(took >= 990 && took < 2_500, `took ${took} ms`);
  t.is(metrics.value('db_client_connection_timeouts_total', { pool: 'primary' }), 1);
  t.is(metrics.value('db_client_connection_wait_time_seconds', { pool: 'primary' }), 2);
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_pool_exhausted' }), 1);
  database.collect();
  t.is(metrics.value('db_client_connection_count', { state: 'used' }), 0);
  t.is(metrics.value('db_client_connection_max', { pool: 'primary' }), 1);
});

test('a slow statement is database_timeout; a unit of work can set a longer timeout', async (t) => {
  const { database, metrics } = await setup(t, { statementTimeoutMs: 150 });
  const { code, took } = await failure(
    database.unitOfWork.run({ operation }, ({ query }) => query('select pg_sleep(3)')),
  );
  t.is(code, 'database_timeout');
  t.true(took < 2_500, `took ${took} ms`);
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_timeout' }), 1);
  t.is(
    metrics.value('db_client_operation_duration_seconds', {
      db_operation_name: 'SELECT',
      error_type: 'database_timeout',
    }),
    1,
  );
  await t.notThrowsAsync(
    database.unitOfWork.run({ operation, statementTimeoutMs: 5_000 }, ({ query }) => query('select pg_sleep(0.3)')),
  );
  t.is((await failure(database.reader.query('select pg_sleep(3)'))).code, 'database_timeout');
});

test('a transaction idle for too long is ended by the server as database_timeout', async (t) => {
  const { database, admin } = await setup(t, { idleInTransactionTimeoutMs: 100 });
  const { code } = await failure(
    database.unitOfWork.run({ operation }, async ({ query }) => {
      await query('update account set balance = 0');
      // The time is the subject: longer than the transaction may be idle.
      await sleep(400);
      await query('select 1');
    }),
  );
  t.is(code, 'database_timeout');
  t.deepEqual(await balances(admin), [100, 100]);
});

test('a server that stops answering in a statement is database_timeout a second after the statement timeout', async (t) => {
  const { database, proxy } = await setupBehindProxy(t, { statementTimeoutMs: 200 });
  await database.reader.query('select 1');
  proxy.blackhole();
  const { code, took } = await failure(database.reader.query('select 1'));
  t.is(code, 'database_timeout');
  t.true(took < 3_500, `took ${took} ms`);
  const started = performance.now();
  t.deepEqual(await database.healthCheck.check(AbortSignal.timeout(500)), {
    status: 'down',
    detail: 'database_timeout',
  });
  t.true(performance.now() - started < 1_500);
  proxy.restore();
  t.true(await comesUp(database));
});

test('a connection attempt to a server that does not answer has a timeout, also for callers that wait for it', async (t) => {
  const { database, proxy } = await setupBehindProxy(t, { poolMax: 1, acquireTimeoutMs: 300 });
  proxy.blackhole();
  const outcomes = await Promise.all([1, 2, 3].map(() => failure(database.reader.query('select 1'))));
  for (const { code, took } of outcomes) {
    t.is(code, 'database_unavailable');
    t.true(took < 2_500, `took ${took} ms`);
  }
});

test('the health check does not wait for a connection of a busy pool', async (t) => {
  const { database } = await setup(t, { poolMax: 1 });
  await database.unitOfWork.run({ operation }, async () => {
    t.true(await comesUp(database));
  });
});

test('a server without TLS is refused if TLS is required, by the variable or by the URL', async (t) => {
  const { admin } = await setup(t);
  for (const mode of ['require', 'verify-ca', 'verify-full'] as const) {
    for (const settings of [
      { ...databaseSettings(admin.url), ssl: mode },
      { ...databaseSettings(`${admin.url}?sslmode=${mode}`), ssl: undefined },
    ]) {
      const database = await createDatabase(settings);
      t.teardown(() => database.close());
      t.is((await failure(database.reader.query('select 1'))).code, 'database_unavailable');
      t.is((await failure(database.migrator.up())).code, 'database_unavailable');
      t.is((await failure(database.checkServer())).code, 'database_unavailable');
    }
  }
});

test('a missing table or column is database_schema_outdated, a read-only server database_unavailable', async (t) => {
  const { database } = await setup(t);
  t.is((await failure(database.reader.query('select 1 from not_there'))).code, 'database_schema_outdated');
  t.is((await failure(database.reader.query('select not_there from account'))).code, 'database_schema_outdated');
  const readOnly = database.unitOfWork.run({ operation }, async ({ query }) => {
    await query('set transaction read only');
    await query('delete from account');
  });
  t.is((await failure(readOnly)).code, 'database_unavailable');
});

test('the database can be built while the server is down, and becomes ready when the server is up', async (t) => {
  const { admin } = await setup(t);
  const target = new URL(admin.url);
  const proxy = await createTcpProxy({ target: { host: target.hostname, port: Number(target.port) } });
  proxy.cut();
  target.port = String(proxy.port);
  const database = await createDatabase(databaseSettings(target.href));
  t.teardown(async () => {
    await proxy.close();
    await database.close();
  });
  t.deepEqual(await database.healthCheck.check(AbortSignal.timeout(1_000)), {
    status: 'down',
    detail: 'database_unavailable',
  });
  t.is((await failure(database.unitOfWork.run({ operation }, async () => {}))).code, 'database_unavailable');

  await t.throwsAsync(database.waitUntilReady({ signal: AbortSignal.timeout(100) }));
  const ready = database.waitUntilReady({ signal: AbortSignal.timeout(10_000) });
  // The database comes back while the service waits for it.
  setTimeout(() => proxy.restore(), 300);
  await ready;
  t.deepEqual(await database.migrator.pending(), []);
  t.true(await comesUp(database));
});

test('a lock has one holder for each name, and is released on every path', async (t) => {
  const { database, admin } = await setup(t);
  const other = await createDatabase(databaseSettings(admin.url));
  t.teardown(() => other.close());
  const done = await database.lock.tryWith('refresh tech5', async () => {
    t.is(await other.lock.tryWith('refresh tech5', async () => 'both'), undefined);
    t.deepEqual(await other.lock.tryWith('refresh sp500', async () => 'another'), { value: 'another' });
    return 'held';
  });
  t.deepEqual(done, { value: 'held' });
  await t.throwsAsync(
    database.lock.tryWith('refresh tech5', async () => {
      throw new Error('work fails');
    }),
    { message: 'work fails' },
  );
  t.deepEqual(await other.lock.tryWith('refresh tech5', async () => 'free'), { value: 'free' });
  await database.lock.tryWith('refresh tech5', async (release) => {
    await release();
    await other.lock.tryWith('refresh tech5', async () => {
      // A second call must not free the lock of the next holder.
      await release();
      t.is(await database.lock.tryWith('refresh tech5', async () => 'both'), undefined);
    });
  });
});

test('a lock is released when its connection ends', async (t) => {
  const { database, admin, proxy } = await setupBehindProxy(t);
  const other = await createDatabase(databaseSettings(admin.url));
  t.teardown(() => other.close());
  await database.lock.tryWith('refresh tech5', async () => {
    proxy.cut();
    let taken: unknown;
    await eventually(async () => {
      taken = await other.lock.tryWith('refresh tech5', async () => true);
      return taken !== undefined;
    }, 'the lock is free');
    t.deepEqual(taken, { value: true });
  });
});
