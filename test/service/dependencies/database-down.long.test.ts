import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  call,
  checksum,
  clearFault,
  damage,
  metric,
  price,
  refresh,
  scrape,
  serve,
  setFault,
  takeToken,
  throughProxy,
  type Answer,
} from '#testkit/running-service.ts';

const problem = ({ status, headers, body }: Answer) => ({
  status,
  code: body['code'],
  type: headers.get('content-type'),
  retryAfter: Number(headers.get('retry-after')) >= 1,
});
const unavailable = {
  status: 503,
  code: 'database_unavailable',
  type: 'application/problem+json',
  retryAfter: true,
};

test('a service recovers when its database is down at the start, and down later', async (t) => {
  const database = await setupDatabase(t, { migrated: false });
  const { proxy, url } = await throughProxy(t, database.url);
  proxy.cut();
  const service = await serve(t, { DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT_MS: '500' });
  const get = (path: string): Promise<Answer> => call(`${service.url}${path}`);
  const assets = (): Promise<Answer> => get('/api/v1/assets');
  const databaseUp = async (): Promise<number> =>
    metric(await scrape(service), 'volwatch_dependency_up', { dependency: 'postgres' });

  // Away at boot.
  t.regex(await scrape(service), /^volwatch_dependency_up\{dependency="postgres"\} 0$/m);
  t.is((await get('/health/live')).status, 200);
  t.is((await get('/health/ready')).status, 503);
  const health = await get('/health');
  t.is(health.status, 503);
  t.is(health.body['status'], 'unavailable');
  const { postgres } = health.body['dependencies'] as { postgres: Record<string, unknown> };
  t.is(postgres['status'], 'down');
  t.is((await price(service)).status, 200);
  t.deepEqual(problem(await assets()), unavailable);
  await service.logged(({ retry_in_ms: wait }) => Number(wait) >= 500);

  proxy.restore();
  await service.ready(15_000);
  await service.logged(({ message }) => message === 'started');
  t.is(await databaseUp(), 1);
  t.is((await assets()).status, 200);
  const [counts] = await database.query('select count(*)::int as prices from price');
  t.is(counts?.['prices'], 560 + 5_105);

  // Cut in the middle of a request.
  proxy.latency(200);
  const cutOff = assets();
  // The request is under way: an answer takes 200 ms.
  await sleep(100);
  proxy.cut();
  t.deepEqual(problem(await cutOff), unavailable);
  t.deepEqual(problem(await assets()), unavailable);
  t.is((await get('/health/live')).status, 200);
  await eventually(async () => (await get('/health/ready')).status === 503, 'the service is not ready');
  t.is((await get('/health/serving')).status, 200, 'prices need no database');
  proxy.restore();
  await service.ready(10_000);
  t.is((await assets()).status, 200);

  // Silent: nothing is refused and nothing answered.
  proxy.blackhole();
  const began = performance.now();
  const unready = (): Promise<void> =>
    eventually(async () => (await get('/health/ready')).status === 503, 'the service is not ready', 2_400);
  const [silent] = await Promise.all([assets(), unready()]);
  t.deepEqual(problem(silent), { ...unavailable, code: 'database_timeout' });
  const took = performance.now() - began;
  t.true(took < 2_500, `answered in ${took} ms`);
  proxy.restore();
  await service.ready(10_000);
  t.is((await assets()).status, 200);

  // Cut in the middle of a refresh, whose own record cannot be ended either.
  const complete = await checksum(database);
  await damage(database);
  const damaged = await checksum(database);
  t.not(damaged, complete);
  const token = await takeToken(service);
  await setFault(service, 'refresh.calculate_index_values', { mode: 'hang' });
  const interrupted = refresh(service, token, 'tech5');
  await service.logged(
    ({ message, fault_point: point }) => message === 'fault injected' && point === 'refresh.calculate_index_values',
  );
  proxy.cut();
  await clearFault(service, 'refresh.calculate_index_values');
  t.deepEqual(problem(await interrupted), unavailable);
  t.is(service.process.exitCode, null);
  proxy.restore();
  await service.ready(10_000);
  t.is(await checksum(database), damaged);

  const again = await refresh(service, token, 'tech5');
  t.is(again.body['status'], 'succeeded', again.text);
  t.is(await checksum(database), complete);
  const ended = await database.query(
    `select status, reason from refresh where trigger = 'request' order by started_at`,
  );
  t.deepEqual(ended, [
    { status: 'rolled_back', reason: 'internal_error' },
    { status: 'succeeded', reason: null },
  ]);
  t.is(await service.stop(), 0);
});

test('an exhausted pool and a slow statement are 503 within their timeouts, and recover', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, {
    DATABASE_URL: database.url,
    DATABASE_POOL_MAX: '2',
    DATABASE_STATEMENT_TIMEOUT_MS: '500',
  });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  // A refresh takes two connections: its lock's and its transaction's.
  await setFault(service, 'refresh.commit', { mode: 'hang' });
  const holding = refresh(service, token, 'tech5');
  await service.logged(({ message, fault_point: point }) => message === 'fault injected' && point === 'refresh.commit');

  const began = performance.now();
  const answers = await Promise.all([1, 2, 3].map(() => call(`${service.url}/api/v1/assets`)));
  const took = performance.now() - began;
  for (const answer of answers) {
    t.deepEqual(problem(answer), { ...unavailable, code: 'database_pool_exhausted' });
    const waited = Number(/db;dur=([\d.]+)/.exec(answer.headers.get('server-timing') ?? '')?.[1]);
    t.true(waited > 280 && waited < 600, `waited ${waited} ms for a connection`);
  }
  t.true(took < 1_000, `answered in ${took} ms`);
  t.is((await price(service)).status, 200);

  await clearFault(service, 'refresh.commit');
  t.is((await holding).body['status'], 'succeeded');
  t.is((await call(`${service.url}/api/v1/assets`)).status, 200);

  const locking = database.query('begin; lock table asset in access exclusive mode; select pg_sleep(1.5)');
  await eventually(
    async () => (await call(`${service.url}/api/v1/assets`)).body['code'] === 'database_timeout',
    'the code is database_timeout',
  );
  await locking;
  t.is((await call(`${service.url}/api/v1/assets`)).status, 200);
  t.true(metric(await scrape(service), 'db_client_connection_timeouts_total', { pool: 'primary' }) >= 3);
});

test('metrics come in time while PostgreSQL keeps its connections open and does not answer', async (t) => {
  const database = await setupDatabase(t, { migrated: false });
  const { proxy, url } = await throughProxy(t, database.url);
  // Statements have their default timeout of some seconds, and a collection has several statements.
  const service = await serve(t, { DATABASE_URL: url });
  await service.ready();
  const before = await scrape(service);
  const up = (text: string): number => metric(text, 'volwatch_dependency_up', { dependency: 'postgres' });
  const late = (text: string): number => metric(text, 'volwatch_metrics_late_collections_total', {});
  t.is(up(before), 1);
  proxy.blackhole();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const began = performance.now();
    const text = await scrape(service);
    const seconds = (performance.now() - began) / 1_000;
    // A scraper gives up after 10 s.
    t.true(seconds < 6, `a scrape took ${seconds.toFixed(1)} s`);
    if (attempt > 0) t.is(up(text), 0);
  }
  t.true(late(await scrape(service)) > late(before));
  proxy.cut();
  proxy.restore();
  await eventually(async () => up(await scrape(service)) === 1, 'the database is up again', 20_000);
});
