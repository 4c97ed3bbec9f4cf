import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { setup } from './setup.ts';

for (const sessionless of [false, true]) {
  test(`locks take no connection of requests, and have a max of their own; sessionless: ${sessionless}`, async (t) => {
    const options = { poolMax: 2, locks: { poolMax: 4, maxPerCaller: 4 }, acquireTimeoutMs: 500, sessionless };
    const { database, metrics } = await setup(t, options);
    const gate = Promise.withResolvers<void>();
    const began = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const held = began.map(({ resolve }, index) =>
      database.lock.tryWith(`refresh:${index}`, async () => {
        resolve();
        await gate.promise;
      }),
    );
    await Promise.all(began.map(({ promise }) => promise));
    t.is((await database.reader.query('select 1')).length, 1);
    await database.unitOfWork.run({ operation: 'refresh.apply' }, ({ query }) => query('select 1'));
    database.collect();
    t.is(metrics.value('db_client_connection_count', { pool: 'primary', state: 'used' }), 0);
    t.is(metrics.value('db_client_connection_count', { pool: 'locks', state: 'used' }), 4);
    t.is(metrics.value('db_client_connection_max', { pool: 'locks' }), 4);
    const fifth = await database.lock.tryWith('refresh:5', async () => {}).then(() => 'none', codeOf);
    t.is(fifth, 'database_pool_exhausted');
    gate.resolve();
    await Promise.all(held);
    t.deepEqual(await database.lock.tryWith('refresh:5', async () => 'free'), { value: 'free' });
  });
}

test('the changes of one caller leave connections of locks to others', async (t) => {
  const { database } = await setup(t, { locks: { poolMax: 4, maxPerCaller: 2 }, acquireTimeoutMs: 500 });
  const gate = Promise.withResolvers<void>();
  const signal = AbortSignal.timeout(60_000);
  const lock = (clientIp: string, name: string): Promise<string> => {
    const began = Promise.withResolvers<string>();
    void runInRequest({ requestId: 'r', traceId: 't', clientIp, signal, timings: {} }, () =>
      database.lock.tryWith(name, async () => {
        began.resolve('held');
        await gate.promise;
      }),
    ).catch((error: unknown) => began.resolve(codeOf(error)));
    return began.promise;
  };
  t.is(await lock('192.0.2.1', 'one'), 'held');
  t.is(await lock('192.0.2.1', 'two'), 'held');
  t.is(await lock('192.0.2.1', 'three'), 'database_pool_exhausted');
  t.is(await lock('198.51.100.1', 'four'), 'held');
  gate.resolve();
});
