import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startReplicated, statementOn } from '#testkit/servers/replica.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';

const proxied = async (url: string) => {
  const address = new URL(url);
  const proxy = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  address.port = String(proxy.port);
  return { proxy, url: address.href };
};

test('reads use a replica with a small lag; with one that lags, is down, silent or flapping every read is still answered', async (t) => {
  const { primaryUrl, replicaUrl } = await startReplicated(t);
  await statementOn(primaryUrl, 'create table item (id int primary key)');
  const [primary, replica] = await Promise.all([proxied(primaryUrl), proxied(replicaUrl)]);
  const metrics = recordMetrics();
  const database = await createDatabase({
    ...databaseSettings(primary.url),
    metrics,
    replicaUrls: [replica.url],
    replicaMaxLagMs: 700,
    replicaTimeoutMs: 400,
    replicaCheckMs: 100,
  });
  t.teardown(async () => {
    await Promise.all([primary.proxy.close(), replica.proxy.close()]);
    await database.close();
  });
  const read = async () => {
    const [row] = await database.replicaReader.query<{ standby: boolean; items: number }>(
      'select pg_is_in_recovery() as standby, (select count(*)::int from item) as items',
    );
    return row!;
  };
  const fromReplica = async (): Promise<boolean> => (await read()).standby;
  const health = () => database.healthCheck.check(AbortSignal.timeout(1_000));
  const gauge = (): number => {
    database.collect();
    return metrics.value('volwatch_replica_up', { pool: 'replica_1' });
  };
  const onReplica = (text: string) => statementOn(replicaUrl, text);

  await eventually(fromReplica, 'the replica is read from');
  t.is(gauge(), 1);
  t.like(await health(), { status: 'up' });
  t.is(metrics.value('db_client_connection_max', { pool: 'replica_1' }), 5);

  // Read your writes: the replica has not replayed yet, and is not asked until it has.
  await onReplica('select pg_wal_replay_pause()');
  await database.unitOfWork.run({ operation: 'refresh.apply' }, ({ query }) => query('insert into item values (1)'));
  t.deepEqual(await read(), { standby: false, items: 1 });
  await onReplica('select pg_wal_replay_resume()');
  await eventually(fromReplica, 'the replica is read from again');
  t.deepEqual(await read(), { standby: true, items: 1 });

  // Lagging: somebody else writes, the replica does not follow.
  await onReplica('select pg_wal_replay_pause()');
  await statementOn(primaryUrl, 'insert into item values (2)');
  await eventually(async () => !(await fromReplica()), 'the lagging replica is not read from', 5_000);
  t.is((await read()).items, 2);
  t.deepEqual(await health(), { status: 'degraded', detail: 'replica_1: behind' });
  t.is(gauge(), 0);
  t.true(metrics.value('volwatch_replica_lag_seconds', { pool: 'replica_1' }) > 0.5);
  await onReplica('select pg_wal_replay_resume()');
  await eventually(fromReplica, 'the replica is read from again');

  // Away: the reads that find it out are answered by the primary.
  replica.proxy.cut();
  for (let round = 0; round < 20; round += 1) t.is((await read()).items, 2);
  t.like(await health(), { status: 'degraded' });
  replica.proxy.restore();
  await eventually(fromReplica, 'the replica is read from again');
  t.is(gauge(), 1);

  // Silent.
  const before = metrics.value('volwatch_replica_fallbacks_total', { pool: 'replica_1' });
  replica.proxy.blackhole();
  const began = performance.now();
  t.is((await read()).items, 2);
  t.true(performance.now() - began < 1_500, 'the replica is given up on soon');
  t.true(metrics.value('volwatch_replica_fallbacks_total', { pool: 'replica_1' }) > before);
  replica.proxy.cut();
  replica.proxy.restore();
  await eventually(fromReplica, 'the replica is read from again');

  // A slow statement is ended by the replica and runs on the primary. It takes the replica out for nobody else.
  const slowBefore = metrics.value('volwatch_replica_fallbacks_total', { pool: 'replica_1' });
  await database.replicaReader.query(`select pg_sleep(case when pg_is_in_recovery() then 5 else 0 end)`);
  t.is(metrics.value('volwatch_replica_fallbacks_total', { pool: 'replica_1' }), slowBefore + 1);
  t.true(await fromReplica(), 'the replica is still read from');

  // A replica that is slow for all: without a fast statement between them, the fifth slow one takes it out.
  for (let statement = 0; statement < 5; statement += 1)
    await database.replicaReader.query(`select pg_sleep(case when pg_is_in_recovery() then 5 else 0 end)`);
  t.deepEqual(await health(), { status: 'degraded', detail: 'replica_1: slow' });
  t.false(await fromReplica());
  await eventually(fromReplica, 'after a longer time of good checks the replica is read from again', 15_000);
  t.like(await health(), { status: 'up' });

  // Flapping.
  const flapping = new AbortController();
  const flaps = (async () => {
    for (let round = 0; round < 8; round += 1) {
      replica.proxy.cut();
      // In each round the replica is away for 80 ms and back for 160 ms.
      await sleep(80);
      replica.proxy.restore();
      await sleep(160);
    }
    flapping.abort();
  })();
  let reads = 0;
  for (; !flapping.signal.aborted; reads += 1) t.is((await read()).items, 2);
  await flaps;
  t.true(reads > 50, `${reads} reads`);
  await eventually(fromReplica, 'the replica is read from again');

  // The primary is away: reads go on.
  primary.proxy.cut();
  t.deepEqual(await read(), { standby: true, items: 2 });
  t.like(await health(), { status: 'down' });
  primary.proxy.restore();
});

test('an outage of primary and replica leaves no chain of checks that the end waits for', async (t) => {
  const silent = await createTcpProxy({ target: { host: '127.0.0.1', port: 1 } });
  silent.blackhole();
  const url = `postgres://a@127.0.0.1:${silent.port}/a`;
  t.teardown(silent.close);
  const settings = { ...databaseSettings(url), acquireTimeoutMs: 1_000 };
  const database = await createDatabase({ ...settings, replicaUrls: [url], replicaCheckMs: 10 });
  // A check waits a second for each of the two, so with a chain there would be 200 checks to wait for.
  await sleep(2_100);
  const startedAt = performance.now();
  await database.close();
  t.true(performance.now() - startedAt < 6_000);
});
