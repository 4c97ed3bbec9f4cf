import test from 'ava';
import { startReplicated, statementOn } from '#testkit/servers/replica.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, metric, refresh, scrape, serve, takeToken, throughProxy } from '#testkit/running-service.ts';

test('a service reads from its replica, callers see their own writes, and without the replica all reads work', async (t) => {
  const { primaryUrl, replicaUrl } = await startReplicated(t);
  const { proxy, url } = await throughProxy(t, replicaUrl);
  const service = await serve(t, {
    DATABASE_URL: primaryUrl,
    DATABASE_REPLICA_URLS: url,
    DATABASE_REPLICA_CHECK_MS: '200',
    RATE_LIMIT_ENABLED: 'false',
  });
  await service.logged(({ message }) => message === 'started');
  const prices = (headers: Record<string, string> = {}) =>
    call(`${service.url}/api/v1/assets/AAPL/prices?limit=1`, { headers });
  const used = async (): Promise<boolean> => metric(await scrape(service), 'volwatch_replica_up') === 1;
  const health = async () => (await call(`${service.url}/health`)).body;
  const postgres = async () => ((await health())['dependencies'] as { postgres: Record<string, unknown> }).postgres;
  await eventually(used, 'the replica is read from');
  t.is((await prices()).status, 200);

  // The replica receives nothing, but a caller who refreshed through this service sees the result at once.
  await statementOn(replicaUrl, 'select pg_wal_replay_pause()');
  await statementOn(primaryUrl, `delete from price where asset_id = (select id from asset where symbol = 'AAPL')`);
  const token = await takeToken(service);
  t.like((await refresh(service, token, 'tech5')).body, { status: 'succeeded' });
  const [row] = (await prices()).body['data'] as { date: string }[];
  t.is(row?.date, '2000-01-01');
  await statementOn(replicaUrl, 'select pg_wal_replay_resume()');

  proxy.cut();
  const answers = await Promise.all(Array.from({ length: 30 }, () => prices()));
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  await eventually(
    async () => (await postgres())['status'] === 'degraded',
    'the health of postgres is degraded',
    5_000,
  );
  t.like(await health(), { status: 'degraded' });
  t.is((await call(`${service.url}/health/ready`)).status, 200);
  t.truthy(service.log.find(({ message }) => message === 'A replica is left out'));
  t.is((await prices({ 'Cache-Control': 'no-cache' })).status, 200);
  proxy.restore();
  await eventually(used, 'the replica is read from again');
  await eventually(async () => (await postgres())['status'] === 'up', 'the health of postgres is up', 5_000);
  t.is((await prices()).status, 200);
});
