import { SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { lastIndexValues, refreshCounts } from '#testkit/market-data/sample-results.ts';
import { captureSpans } from '#testkit/spans.ts';
import { fingerprint, scaledProvider, setup } from './setup.ts';

const transactions = 'volwatch_db_transactions_total';
const durations = 'volwatch_refresh_duration_seconds';
const rowsTotal = 'volwatch_refresh_rows_total';
const lastSuccess = 'volwatch_refresh_last_success_timestamp_seconds';
const steps = ['refresh.ensure_assets', 'refresh.store_prices', 'refresh.calculate_index_values'];

const parentOf = (all: readonly ReadableSpan[], span: ReadableSpan | undefined): string | undefined =>
  all.find((candidate) => candidate.spanContext().spanId === span?.parentSpanContext?.spanId)?.name;
const nanoseconds = ([seconds, rest]: readonly [number, number]): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(rest);

const universes = [
  { universe: 'tech5', ...refreshCounts.tech5 },
  { universe: 'sp500', ...refreshCounts.sp500 },
] as const;

for (const { universe, assets, prices, index_values } of universes) {
  test.serial(`${universe}: all rows are written and counted; record, spans and metrics agree`, async (t) => {
    const { refreshes, admin, metrics } = await setup(t);
    const spans = captureSpans(t);
    const before = Date.now() / 1000;

    const record = await refreshes.run({ universe, trigger: 'startup' });

    t.like(record, {
      universe,
      trigger: 'startup',
      status: 'succeeded',
      reason: null,
      error: null,
      source: 'provider',
    });
    t.like(record, { assets, prices, index_values });
    t.true(record.finished_at !== null && record.finished_at >= record.started_at);
    const [counts] = await admin.query(`select (select count(*)::int from asset) as assets,
      (select count(*)::int from price) as prices, (select count(*)::int from index_value) as index_values`);
    t.deepEqual(counts, { assets, prices, index_values });
    const [stored] = await admin.query('select status, prices, trace_id from refresh where id = $1', [record.id]);
    t.deepEqual(stored, { status: 'succeeded', prices, trace_id: record.trace_id });

    const [run] = spans.named('refresh.run');
    t.is(run?.spanContext().traceId, record.trace_id ?? '');
    t.is(run?.attributes['refresh.outcome'], 'succeeded');
    const all = spans.all();
    t.is(parentOf(all, spans.named('refresh.fetch')[0]), 'refresh.run');
    t.is(parentOf(all, spans.named('db.transaction refresh.apply')[0]), 'refresh.run');
    for (const step of steps) t.is(parentOf(all, spans.named(step)[0]), 'db.transaction refresh.apply', step);

    for (const operation of ['refresh.record', 'refresh.apply', 'refresh.finish']) {
      t.is(metrics.value(transactions, { operation, outcome: 'committed' }), 1, operation);
    }
    t.is(metrics.value(transactions), 3);
    t.is(metrics.value(durations, { universe, outcome: 'succeeded' }), 1);
    t.is(metrics.value(durations), 1);
    t.is(metrics.value(rowsTotal, { kind: 'assets' }), assets);
    t.is(metrics.value(rowsTotal, { kind: 'prices' }), prices);
    t.is(metrics.value(rowsTotal, { kind: 'index_values' }), index_values);
    t.true(metrics.value(lastSuccess, { universe }) >= Math.floor(before));
  });
}

test.serial('the last values of the stored indexes are as documented', async (t) => {
  const { refreshes, admin } = await setup(t);
  for (const { universe } of universes) await refreshes.run({ universe, trigger: 'startup' });

  const rows = await admin.query(`select distinct on (code) code, date::text as date, value
    from index_value join market_index on market_index.id = index_id order by code, index_value.date desc`);

  t.deepEqual(
    rows.map(({ code, date, value }) => [code, date, Number(value).toFixed(5)]),
    lastIndexValues.map(({ code, date, value }) => [code, date, value.toFixed(5)]),
  );
});

test.serial('the fetch ends before the transaction starts, and is refused inside a transaction', async (t) => {
  const { refreshes, database } = await setup(t);
  const spans = captureSpans(t);

  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  const [fetch] = spans.named('refresh.fetch');
  const [apply] = spans.named('db.transaction refresh.apply');
  // The start of a span is a whole millisecond of the wall clock, its end comes from the monotonic clock.
  t.true(fetch && apply && nanoseconds(fetch.endTime) <= nanoseconds(apply.startTime) + 2_000_000n);

  const nested = database.unitOfWork.run({ operation: 'refresh.apply' }, () =>
    refreshes.run({ universe: 'tech5', trigger: 'request' }),
  );
  await t.throwsAsync(nested, { message: /inside another/ });
});

test.serial('a repeated refresh writes all rows again and does not change the data', async (t) => {
  const { refreshes, admin } = await setup(t);
  await refreshes.run({ universe: 'tech5', trigger: 'startup' });
  const before = await fingerprint(admin);

  const again = await refreshes.run({ universe: 'tech5', trigger: 'schedule' });

  t.like(again, { ...refreshCounts.tech5, trigger: 'schedule' });
  t.deepEqual(await fingerprint(admin), before);
});

test.serial(
  'a refresh removes obsolete index values and constituents, and does not change other universes',
  async (t) => {
    const { refreshes, admin } = await setup(t);
    for (const { universe } of universes) await refreshes.run({ universe, trigger: 'startup' });
    const before = await fingerprint(admin);
    await admin.query(`insert into index_value select id, '1999-01-01', 1 from market_index where universe = 'tech5'`);
    await admin.query(`insert into index_constituent select market_index.id, asset.id from market_index, asset
    where code = 'TECH5_EW' and symbol = '^GSPC'`);

    await refreshes.run({ universe: 'tech5', trigger: 'request' });

    t.deepEqual(await fingerprint(admin), before);
  },
);

const faulty = [
  { point: 'provider.fetch', span: 'refresh.fetch', status: 'failed', reason: 'external_api_unavailable' },
  {
    point: 'refresh.ensure_assets',
    span: 'refresh.ensure_assets',
    status: 'rolled_back',
    reason: 'database_unavailable',
  },
  {
    point: 'refresh.store_prices',
    span: 'refresh.store_prices',
    status: 'rolled_back',
    reason: 'database_unavailable',
  },
  {
    point: 'refresh.calculate_index_values',
    span: 'refresh.calculate_index_values',
    status: 'rolled_back',
    reason: 'database_unavailable',
  },
  {
    point: 'refresh.commit',
    span: 'db.transaction refresh.apply',
    status: 'rolled_back',
    reason: 'database_unavailable',
  },
] as const;

for (const { point, span, status, reason } of faulty) {
  test.serial(
    `a failure at ${point} leaves the data unchanged, with the status ${status} and counters up by one`,
    async (t) => {
      let factor = 1;
      const provider = scaledProvider(() => factor);
      const { refreshes, admin, metrics, faults } = await setup(t, { service: { provider } });
      const first = await refreshes.run({ universe: 'tech5', trigger: 'startup' });
      const before = await fingerprint(admin);
      const succeeded = metrics.value(lastSuccess);
      // The closes are different in this refresh, so the fingerprint changes if any row is written.
      factor = 2;
      faults.set(point, { mode: 'error', probability: 1, delay_ms: 0 });
      const spans = captureSpans(t);

      const record = await refreshes.run({ universe: 'tech5', trigger: 'request' });

      t.deepEqual(await fingerprint(admin), before);
      const category = reason === 'external_api_unavailable' ? 'external_api' : 'database';
      t.like(record, { status, reason, assets: 0, prices: 0, index_values: 0 });
      t.deepEqual(record.error, { code: reason, category, detail: `Injected fault at ${point}` });
      t.is(record.source, status === 'failed' ? null : 'provider');
      const rows = await admin.query('select status, reason, applied_at from refresh order by id');
      t.deepEqual(rows.at(-1), { status, reason, applied_at: null });
      t.is(metrics.value(durations, { universe: 'tech5', outcome: status }), 1);
      t.is(metrics.value(durations), 2);
      const rolledBack = { operation: 'refresh.apply', outcome: 'rolled_back' };
      t.is(metrics.value(transactions, { ...rolledBack, reason }), status === 'rolled_back' ? 1 : 0);
      t.is(metrics.value(transactions, rolledBack), status === 'rolled_back' ? 1 : 0);
      t.is(metrics.value(rowsTotal), first.assets + first.prices + first.index_values);
      t.is(metrics.value(lastSuccess), succeeded);
      const [run] = spans.named('refresh.run');
      t.is(run?.attributes['error.type'], reason);
      t.is(run?.status.code, SpanStatusCode.ERROR);
      const [failed] = spans.named(span);
      t.is(failed?.events.find(({ name }) => name === 'fault.injected')?.attributes?.['fault.point'], point);
      t.is(failed?.attributes['error.type'], reason);
      const [apply] = spans.named('db.transaction refresh.apply');
      t.is(apply?.attributes['volwatch.transaction.rollback_reason'], status === 'rolled_back' ? reason : undefined);

      faults.clear(point);
      t.is((await refreshes.run({ universe: 'tech5', trigger: 'request' })).status, 'succeeded');
      t.notDeepEqual(await fingerprint(admin), before);
    },
  );
}

test.serial('invalid data of the provider are not written', async (t) => {
  const { refreshes, admin, metrics } = await setup(t, { service: { provider: scaledProvider(() => Number.NaN) } });

  const record = await refreshes.run({ universe: 'tech5', trigger: 'request' });

  t.like(record, { status: 'failed', reason: 'external_api_bad_response', source: null });
  t.is(metrics.value(transactions, { operation: 'refresh.apply' }), 0);
  t.like(await fingerprint(admin), [{ rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }]);
});

test.serial('prices that make an index value infinite roll the refresh back', async (t) => {
  const alternating = (index: number): number => (index % 2 === 0 ? 1e-100 : 1e15);
  const { refreshes, admin } = await setup(t, {
    service: {
      quarantineFactor: Number.POSITIVE_INFINITY,
      provider: {
        source: 'sample',
        fetch: async ({ assets }) => ({
          source: 'provider',
          series: assets.map(({ symbol }, asset) => ({
            symbol,
            prices: ['2000-01-01', '2000-02-01', '2000-03-01'].map((date, index) => ({
              date,
              open: null,
              high: null,
              low: null,
              volume: null,
              close: alternating(index + asset),
            })),
          })),
        }),
      },
    },
  });

  const record = await refreshes.run({ universe: 'tech5', trigger: 'request' });

  t.like(record, { status: 'rolled_back', reason: 'external_api_bad_response' });
  t.like(await fingerprint(admin), [{ rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }, { rows: 0 }]);
});

test.serial('a provider that does not answer causes a timeout', async (t) => {
  const { refreshes } = await setup(t, {
    service: {
      provider: { source: 'sample', fetch: () => new Promise(() => {}) },
      timeouts: { fetchMs: 50, applyMs: 1_000 },
    },
  });
  t.like(await refreshes.run({ universe: 'tech5', trigger: 'request' }), {
    status: 'failed',
    reason: 'external_api_timeout',
  });
});

test.serial('a transaction is rolled back after its timeout', async (t) => {
  const { refreshes, faults, admin } = await setup(t, { service: { timeouts: { fetchMs: 5_000, applyMs: 50 } } });
  faults.set('refresh.store_prices', { mode: 'hang', probability: 1, delay_ms: 0 });
  t.like(await refreshes.run({ universe: 'tech5', trigger: 'request' }), {
    status: 'rolled_back',
    reason: 'database_timeout',
  });
  t.like(await fingerprint(admin), [{ rows: 0 }, { rows: 0 }]);
});

test.serial('an unknown universe is refused with a pointer, and no record is stored', async (t) => {
  const { refreshes, admin } = await setup(t);
  const error = await t.throwsAsync(refreshes.run({ universe: 'moon', trigger: 'request' }), { instanceOf: AppError });
  t.is(error?.code, 'validation_failed');
  t.is(error?.errors?.[0]?.pointer, '/universe');
  t.deepEqual(await admin.query('select * from refresh'), []);
});
