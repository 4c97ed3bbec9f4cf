import { trace } from '@opentelemetry/api';
import test from 'ava';
import { dayMs } from '#src/kernel/calendar.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { eventually } from '#testkit/eventually.ts';
import { captureSpans } from '#testkit/spans.ts';
import { faultReached, setup } from './setup.ts';

const lastSuccess = 'volwatch_refresh_last_success_timestamp_seconds';
const hang = { mode: 'hang', probability: 1, delay_ms: 0 } as const;

test.serial("a refresh is part of the caller's trace if the caller waits, else of a new linked trace", async (t) => {
  const { refreshes } = await setup(t);
  const spans = captureSpans(t);
  const tracer = trace.getTracer('test');
  const start = (waited: boolean) =>
    tracer.startActiveSpan('caller', async (span) => {
      const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited });
      span.end();
      return { caller: span.spanContext(), record: await ended };
    });

  const attached = await start(true);
  t.is(attached.record.trace_id, attached.caller.traceId);
  const detached = await start(false);
  t.not(detached.record.trace_id, detached.caller.traceId);
  const run = spans.named('refresh.run').at(-1);
  t.is(run?.spanContext().traceId, detached.record.trace_id ?? '');
  t.is(run?.parentSpanContext, undefined);
  t.deepEqual(
    run?.links.map(({ context }) => context.spanId),
    [detached.caller.spanId],
  );
});

test.serial('start resolves while the refresh runs, and idle waits for the end', async (t) => {
  const { refreshes, faults, admin } = await setup(t);
  faults.set('refresh.store_prices', hang);
  const { record } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });

  t.like(record, { status: 'running', finished_at: null, source: null, reason: null, error: null, prices: 0 });
  t.deepEqual(await admin.query('select id, status from refresh'), [{ id: record.id, status: 'running' }]);
  const idle = refreshes.idle().then(() => 'idle');
  t.is(await Promise.race([idle, admin.query('select 1').then(() => 'busy')]), 'busy');
  faults.clear('refresh.store_prices');
  t.is(await idle, 'idle');
  t.deepEqual(await admin.query('select status from refresh'), [{ status: 'succeeded' }]);
});

test.serial('within one process a universe has one refresh at a time', async (t) => {
  const { refreshes, faults } = await setup(t);
  faults.set('provider.fetch', hang);
  const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });

  const error = await t.throwsAsync(refreshes.run({ universe: 'tech5', trigger: 'request' }), { instanceOf: AppError });
  t.is(error?.code, 'refresh_in_progress');
  faults.clear('provider.fetch');
  t.is((await ended).status, 'succeeded');
  t.is((await refreshes.run({ universe: 'tech5', trigger: 'request' })).status, 'succeeded');
});

test.serial('whoever reads the ended record can start the next refresh and change the universe at once', async (t) => {
  const caches = Promise.withResolvers<void>();
  const { refreshes, admin, database } = await setup(t, { service: { committed: () => caches.promise } });
  t.teardown(caches.resolve);
  const first = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  const statusOf = async (id: string) => (await admin.query('select status from refresh where id = $1', [id]))[0];
  await eventually(async () => (await statusOf(first.record.id))?.['status'] !== 'running', 'the record has ended');
  // The caches of the first refresh are still being filled.
  t.truthy(await database.lock.tryWith('refresh:tech5', async () => 'a change'));
  const second = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  caches.resolve();
  t.like(await Promise.all([first.ended, second.ended]), [{ status: 'succeeded' }, { status: 'succeeded' }]);
});

test.serial('refreshes that follow the ended record of the one before never find its lock', async (t) => {
  const { refreshes, admin } = await setup(t);
  let ended = Promise.resolve<unknown>(undefined);
  for (let count = 0; count < 20; count += 1) {
    const started = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
    await ended;
    ({ ended } = started);
    const unended = `select 1 from refresh where status = 'running'`;
    // Without a pause, because the lock was held for a moment only.
    while ((await admin.query(unended)).length > 0);
  }
  await ended;
  t.deepEqual(await admin.query('select status, count(*)::int as rows from refresh group by status'), [
    { status: 'succeeded', rows: 20 },
  ]);
});

for (const [point, status] of [
  ['provider.fetch', 'failed'],
  ['refresh.store_prices', 'rolled_back'],
] as const) {
  test.serial(`close at ${point} ends the refresh as ${status} with shutting_down and refuses new ones`, async (t) => {
    const service = await setup(t);
    const { refreshes, faults, admin } = service;
    faults.set(point, hang);
    const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
    await faultReached(service, point);

    await refreshes.close();

    t.like(await ended, { status, reason: 'shutting_down' });
    t.deepEqual(await admin.query('select count(*)::int as rows from price'), [{ rows: 0 }]);
    const refused = await t.throwsAsync(refreshes.run({ universe: 'tech5', trigger: 'request' }), {
      instanceOf: AppError,
    });
    t.is(refused?.code, 'shutting_down');
  });
}

test.serial('a caller can abort its refresh', async (t) => {
  const service = await setup(t);
  const { refreshes, faults } = service;
  faults.set('refresh.store_prices', hang);
  const abort = new AbortController();
  const { ended } = await refreshes.start({
    universe: 'tech5',
    trigger: 'schedule',
    waited: true,
    signal: abort.signal,
  });
  await faultReached(service, 'refresh.store_prices');
  abort.abort();
  t.like(await ended, { status: 'rolled_back', reason: 'shutting_down' });
});

test.serial(
  'at startup, universes without a recent success are refreshed, and the gauges are restored from the database',
  async (t) => {
    const { refreshes, metrics, admin } = await setup(t);
    await refreshes.restoreMetrics();
    t.is(metrics.value(lastSuccess), 0);

    await refreshes.refreshStale({ staleAfterMs: dayMs });
    const all = 'select universe, trigger, status from refresh order by id';
    t.deepEqual(await admin.query(all), [
      { universe: 'tech5', trigger: 'startup', status: 'succeeded' },
      { universe: 'sp500', trigger: 'startup', status: 'succeeded' },
    ]);
    await refreshes.refreshStale({ staleAfterMs: dayMs });
    t.is((await admin.query(all)).length, 2);

    await admin.query(`update refresh set finished_at = '2020-01-01T00:00:00Z' where universe = 'sp500'`);
    await refreshes.restoreMetrics();
    t.is(metrics.value(lastSuccess, { universe: 'sp500' }), Date.UTC(2020, 0, 1) / 1000);
    await refreshes.refreshStale({ staleAfterMs: dayMs });
    t.is((await admin.query(all)).at(-1)?.['universe'], 'sp500');
    t.is((await admin.query(all)).length, 3);
  },
);

test.serial('a failed refresh is counted as an error, whether or not somebody waits for it', async (t) => {
  const { refreshes, faults, metrics } = await setup(t);
  const errors = (code: string, category: string): number =>
    metrics.value('volwatch_errors_total', { code, category, http_route: '' });
  const error = { mode: 'error', probability: 1, delay_ms: 0, count: 1 } as const;
  faults.set('provider.fetch', error);
  await refreshes.run({ universe: 'tech5', trigger: 'schedule' });
  t.is(errors('external_api_unavailable', 'external_api'), 1);
  faults.set('refresh.store_prices', error);
  const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  t.is((await ended).status, 'rolled_back');
  t.is(errors('database_unavailable', 'database'), 1);
  await refreshes.run({ universe: 'tech5', trigger: 'schedule' });
  t.is(metrics.value('volwatch_errors_total', {}), 2, 'a success counts no error');

  faults.set('provider.fetch', hang);
  const { ended: first } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  await t.throwsAsync(refreshes.run({ universe: 'tech5', trigger: 'schedule' }), { instanceOf: AppError });
  faults.clear('provider.fetch');
  await first;
  t.is(metrics.value('volwatch_errors_total', {}), 2, 'a second refresh of the universe is no error of the schedule');

  await refreshes.close();
  for (const trigger of ['schedule', 'startup', 'request'] as const) {
    await t.throwsAsync(refreshes.run({ universe: 'tech5', trigger }), { instanceOf: AppError });
  }
  t.is(metrics.value('volwatch_errors_total', {}), 2, 'a refresh that is refused at shutdown is no failed refresh');
});

test.serial('a scheduled refresh that cannot store its record or its outcome is counted', async (t) => {
  const { refreshes, admin, metrics, faults } = await setup(t);
  const errors = (): number => metrics.value('volwatch_errors_total', { category: 'database', http_route: '' });
  await admin.query(
    `create function refuse() returns trigger language plpgsql as $$
       begin raise exception 'refused' using errcode = '53100'; end $$`,
  );
  await admin.query(`create trigger refuse before insert on refresh for each row execute function refuse()`);
  await t.throwsAsync(refreshes.run({ universe: 'tech5', trigger: 'schedule' }), { instanceOf: AppError });
  t.is(errors(), 1);
  await t.throwsAsync(refreshes.run({ universe: 'tech5', trigger: 'request' }), { instanceOf: AppError });
  t.is(errors(), 1, 'the error boundary counts the error that it answers');
  await admin.query('drop trigger refuse on refresh');

  faults.set('provider.fetch', hang);
  const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  await admin.query(
    `create trigger refuse before update on refresh for each row when (new.status <> 'running') execute function refuse()`,
  );
  faults.clear('provider.fetch');
  await t.throwsAsync(ended, { instanceOf: AppError });
  t.is(errors(), 2);
  await admin.query('drop trigger refuse on refresh');
});

test.serial('at startup, the next universe is refreshed although one universe fails', async (t) => {
  const { refreshes, faults, admin } = await setup(t);
  faults.set('provider.fetch', { mode: 'error', probability: 1, delay_ms: 0, count: 1 });
  await t.notThrowsAsync(refreshes.refreshStale({ staleAfterMs: dayMs }));
  t.deepEqual(await admin.query('select universe, status from refresh order by id'), [
    { universe: 'tech5', status: 'failed' },
    { universe: 'sp500', status: 'succeeded' },
  ]);
});
