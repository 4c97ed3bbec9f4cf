import test from 'ava';
import { errorTable } from '#src/kernel/catalogue/errors.ts';
import { refreshCounts } from '#testkit/market-data/sample-results.ts';
import { captureSpans } from '#testkit/spans.ts';
import { faultReached, scaledProvider } from './setup.ts';
import { base, pointers, setupHttp, type Item, type List } from './setup-http.ts';

test.serial(
  'a requested refresh gives 202 with a Location; a second request gives 409 until it has ended',
  async (t) => {
    const http = await setupHttp(t);
    const { post, call, faults, refreshes } = http;
    const spans = captureSpans(t);
    faults.set('refresh.store_prices', { mode: 'hang', probability: 1, delay_ms: 0 });

    const accepted = await post({ universe: 'tech5' });
    const started = (await accepted.json()) as Item;
    t.is(accepted.status, 202);
    t.is(accepted.headers.get('location'), `${base}/refreshes/${String(started['id'])}`);
    t.like(started, { universe: 'tech5', trigger: 'request', status: 'running' });
    t.not(started['trace_id'], accepted.headers.get('x-trace-id'));
    await faultReached(http, 'refresh.store_prices');
    const refused = await post({ universe: 'tech5' });
    t.is(refused.status, 409);
    t.is(((await refused.json()) as Item)['code'], 'refresh_in_progress');
    t.truthy(refused.headers.get('retry-after'));

    faults.clear('refresh.store_prices');
    await refreshes.idle();
    const ended = (await (await call(accepted.headers.get('location') ?? '')).json()) as Item;
    t.like(ended, { id: started['id'], status: 'succeeded', prices: 560, trace_id: started['trace_id'] });
    t.is(spans.named('refresh.run')[0]?.spanContext().traceId, String(ended['trace_id']));
  },
);

test.serial(
  'Prefer: wait gives 200 with the record of a success, and the error with the record of a failure',
  async (t) => {
    const { post, faults, metrics } = await setupHttp(t);
    captureSpans(t);
    const waited = await post({ universe: 'tech5' }, { Prefer: 'respond-async, wait=10' });
    const record = (await waited.json()) as Item;
    t.is(waited.status, 200);
    t.like(record, { status: 'succeeded', ...refreshCounts.tech5 });
    t.is(record['trace_id'], waited.headers.get('x-trace-id'));

    faults.set('refresh.commit', { mode: 'error', probability: 1, delay_ms: 0 });
    const rolledBack = await post({ universe: 'tech5' }, { Prefer: 'wait=10' });
    t.is(rolledBack.status, 503);
    t.is(rolledBack.headers.get('content-type'), 'application/problem+json');
    t.is(rolledBack.headers.get('preference-applied'), 'wait=10');
    t.is(rolledBack.headers.get('retry-after'), '1');
    const error = { code: 'database_unavailable', category: 'database', detail: 'Injected fault at refresh.commit' };
    t.like(await rolledBack.json(), {
      ...error,
      status: 503,
      instance: `${base}/refreshes`,
      refresh: { universe: 'tech5', status: 'rolled_back', reason: error.code, error },
    });
    t.is(metrics.value('volwatch_errors_total', { code: error.code, category: 'database', http_route: '' }), 1);

    const codes = [
      'external_api_bad_response',
      'external_api_timeout',
      'internal_error',
      'refresh_in_progress',
    ] as const;
    for (const code of codes) {
      faults.set('provider.fetch', { mode: 'error', probability: 1, delay_ms: 0, error_code: code });
      const failed = await post({ universe: 'tech5' }, { Prefer: 'wait=10' });
      const { status, category } = errorTable[code];
      t.is(failed.status, status);
      t.like(await failed.json(), { code, category, status, refresh: { status: 'failed', reason: code } });
      t.is(metrics.value('volwatch_errors_total', { code, category, http_route: '' }), 1);
    }
  },
);

test.serial('Prefer: wait with too short a time gives 202, and the refresh continues', async (t) => {
  const { post, faults, refreshes, admin } = await setupHttp(t);
  faults.set('provider.fetch', { mode: 'delay', probability: 1, delay_ms: 1_300 });
  const answer = await post({ universe: 'tech5' }, { Prefer: 'wait=1' });
  t.is(answer.status, 202);
  t.is(((await answer.json()) as Item)['status'], 'running');
  await refreshes.idle();
  t.deepEqual(await admin.query('select status from refresh'), [{ status: 'succeeded' }]);
});

test.serial('a refresh of an unknown universe or with unknown members gives 422 and stores no record', async (t) => {
  const { post, admin } = await setupHttp(t);
  for (const [body, pointer] of [
    [{ universe: 'moon' }, '/universe'],
    [{ universe: 'constructor' }, '/universe'],
    [{}, '/universe'],
    [{ universe: 'tech5', force: true }, '/force'],
  ] as const) {
    const response = await post(body);
    t.is(response.status, 422);
    t.deepEqual(pointers((await response.json()) as Item), [pointer]);
  }
  t.deepEqual(await admin.query('select id from refresh'), []);
});

test.serial('the quarantined prices of a refresh are listed in pages', async (t) => {
  let factor = 1;
  const { get, refreshes } = await setupHttp(t, { service: { provider: scaledProvider(() => factor) } });
  const clean = await refreshes.run({ universe: 'tech5', trigger: 'startup' });
  t.deepEqual((await get<List>(`/refreshes/${clean.id}/quarantined-prices`)).data, []);
  factor = 10;
  const { id, quarantined } = await refreshes.run({ universe: 'tech5', trigger: 'request' });
  t.is(quarantined, 560);
  const walked: Item[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { data, page } = await get<List>(`/refreshes/${id}/quarantined-prices?limit=200${query}`);
    walked.push(...data);
    cursor = page.next_cursor;
  }
  t.is(walked.length, 560);
  t.is(new Set(walked.map(({ symbol, date }) => `${String(symbol)} ${String(date)}`)).size, 560);
  t.true(walked.every(({ price, reference }) => Math.abs(Number(price) / Number(reference) - 10) < 1e-9));
  await get('/refreshes/00000000-0000-4000-8000-000000000000/quarantined-prices', 404);
});
