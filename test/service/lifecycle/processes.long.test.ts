import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  call,
  checksum,
  clearFault,
  damage,
  metric,
  refresh,
  scrape,
  serve,
  setFault,
  takeToken,
} from '#testkit/running-service.ts';

test('only one of two processes refreshes a universe at a time, and a killed one leaves nothing', async (t) => {
  const database = await setupDatabase(t);
  const environment = { DATABASE_URL: database.url };
  const first = await serve(t, environment);
  await first.logged(({ message }) => message === 'started');
  const second = await serve(t, environment);
  await second.logged(({ message }) => message === 'started');
  t.is((await database.query('select 1 from refresh')).length, 2, 'the second found both universes fresh');
  // One key: a token of the one counts at the other.
  const token = await takeToken(first);

  // One universe: one runs, the other is told so. Two universes: both run.
  await setFault(first, 'refresh.store_prices', { mode: 'hang' });
  const running = await refresh(first, token, 'tech5', 0);
  t.is(running.status, 202);
  t.is(running.body['status'], 'running');
  await first.logged(
    ({ message, fault_point: point }) => message === 'fault injected' && point === 'refresh.store_prices',
  );
  const refused = await refresh(second, token, 'tech5');
  t.is(refused.status, 409);
  t.is(refused.body['code'], 'refresh_in_progress');
  t.truthy(refused.headers.get('retry-after'));
  t.is((await refresh(second, token, 'sp500')).body['status'], 'succeeded');
  const location = running.headers.get('location')!;
  t.is(
    (await call(`${second.url}${location}`, { headers: { Authorization: `Bearer ${token}` } })).body['status'],
    'running',
  );
  await clearFault(first, 'refresh.store_prices');
  const ended = async (): Promise<boolean> =>
    (await call(`${second.url}${location}`, { headers: { Authorization: `Bearer ${token}` } })).body['status'] ===
    'succeeded';
  await eventually(ended, 'the refresh of the killed process is ended');
  // The record ends a moment before the lock is let go.
  await eventually(
    async () => (await refresh(second, token, 'tech5')).body['status'] === 'succeeded',
    'a refresh succeeds',
  );

  // Killed at the last moment before commit.
  await damage(database);
  const damaged = await checksum(database);
  await setFault(first, 'refresh.commit', { mode: 'crash' });
  await t.throwsAsync(refresh(first, token, 'tech5'));
  t.is((await first.exited).signal, 'SIGKILL');
  const open = await database.query(`select id, finished_at from refresh where status = 'running'`);
  t.is(open.length, 1);
  t.is(await checksum(database), damaged);

  const third = await serve(t, environment);
  await third.ready();
  await third.logged(({ message }) => message === 'started');
  const closed = await call(`${third.url}/api/v1/refreshes/${String(open[0]?.['id'])}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  t.like(closed.body, { status: 'rolled_back', reason: 'internal_error', error: { code: 'internal_error' } });
  t.truthy(closed.body['finished_at']);
  t.is(await checksum(database), damaged);
  t.truthy(third.log.find(({ message }) => message === 'closed refreshes that another run left behind'));
  const lastSuccess = metric(await scrape(third), 'volwatch_refresh_last_success_timestamp_seconds', {
    universe: 'tech5',
  });
  t.true(Math.abs(Date.now() / 1000 - lastSuccess) < 60);
  t.is((await refresh(third, token, 'tech5')).body['status'], 'succeeded');
  t.not(await checksum(database), damaged);
});

test('two processes that start at the same time on an empty database both become ready', async (t) => {
  const database = await setupDatabase(t, { migrated: false });
  const services = await Promise.all([1, 2].map(() => serve(t, { DATABASE_URL: database.url })));
  await Promise.all(services.map((service) => service.logged(({ message }) => message === 'started')));
  for (const service of services) {
    t.is((await call(`${service.url}/health/ready`)).status, 200);
    t.is((await call(`${service.url}/api/v1/indexes/SP500/values?limit=1`)).status, 200);
    t.deepEqual(
      service.log.filter(({ level }) => level === 'error'),
      [],
    );
  }
  t.is((await database.query('select 1 from price')).length, 560 + 5_105);
  t.deepEqual(await database.query(`select distinct status from refresh`), [{ status: 'succeeded' }]);
});
