import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import type { Service } from '#testkit/service.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, checksum, metric, refresh, scrape, serve, setFault, takeToken } from '#testkit/running-service.ts';

const started = (service: Service) => service.logged(({ message }) => message === 'started');

test('an api process leaves refreshes to workers; a killed worker is replaced by another', async (t) => {
  const database = await setupDatabase(t);
  const environment = {
    DATABASE_URL: database.url,
    JOBS_POLL_MS: '500',
    JOBS_HEARTBEAT_SECONDS: '10',
    JOBS_RETRY_DELAY_SECONDS: '1',
  };
  const [api, worker] = await Promise.all([
    serve(t, { ...environment, ROLE: 'api' }),
    serve(t, { ...environment, ROLE: 'worker' }),
  ]);
  await Promise.all([started(api), started(worker)]);
  t.is((await call(`${worker.url}/api/v1/assets`)).status, 404);
  await worker.ready(10_000);
  const token = await takeToken(api);

  const waited = await refresh(api, token, 'tech5');
  t.is(waited.status, 200, waited.text);
  t.like(waited.body, { status: 'succeeded', trigger: 'request', prices: 560 });
  t.is(waited.body['trace_id'], waited.headers.get('x-trace-id'), 'the worker ran it in the trace of the request');
  await worker.logged(
    ({ message, refresh_id: id }) => message === 'refresh succeeded' && id === waited.body['id'],
    5_000,
  );
  await eventually(
    async () => metric(await scrape(worker), 'volwatch_jobs_total', { queue: 'refresh', outcome: 'ok' }) === 1,
    'the job is counted',
  );
  // The worker still has the job when the record has ended, and the next refresh waits for its end.
  for (let count = 0; count < 5; count += 1) {
    const next = await refresh(api, token, 'tech5', 0);
    t.is(next.status, 202, next.text);
    const unended = `select 1 from refresh where status = 'running' and universe = 'tech5'`;
    await eventually(async () => (await database.query(unended)).length === 0, 'the record has ended');
  }
  const dependencies = (await call(`${api.url}/health`)).body['dependencies'] as { jobs: Record<string, unknown> };
  t.is(dependencies.jobs['status'], 'up');

  // Killed in the middle: nothing of it stays, and its job is somebody else's once its heart has stopped.
  const complete = await checksum(database);
  await database.query('delete from index_value');
  await setFault(worker, 'refresh.commit', { mode: 'crash' });
  const accepted = await refresh(api, token, 'sp500', 0);
  t.is(accepted.status, 202);
  t.is((await refresh(api, token, 'sp500', 0)).body['code'], 'refresh_in_progress');
  t.is((await worker.exited).signal, 'SIGKILL');
  await database.query(`update pgboss.job set heartbeat_on = now() - interval '1 hour' where state = 'active'`);
  const other = await serve(t, { ...environment, ROLE: 'worker' });
  await started(other);
  await eventually(
    async () => {
      const [row] = await database.query(
        `select count(*)::int as done from refresh where universe = 'sp500' and trigger = 'request' and status = 'succeeded'`,
      );
      return row?.['done'] === 1;
    },
    'the other worker completes the refresh',
    40_000,
  );
  t.like((await refresh(api, token, 'tech5')).body, { status: 'succeeded' });
  t.is(await checksum(database), complete);
  const location = await call(`${api.url}${accepted.headers.get('location')!}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  t.not(location.body['status'], 'running');
  t.is(await api.stop(), 0);
  t.is(await other.stop(), 0);
});
