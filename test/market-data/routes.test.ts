import test from 'ava';
import type { ExecutionContext } from 'ava';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { createCachedReads } from '#src/market-data/reads/cached-reads.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import { createMarketDataRoutes } from '#src/market-data/reads/market-data-routes.ts';
import { bundledUniverses } from '#src/market-data/indexes/universes.ts';
import { jsonBody, serve } from '#test/http/support.ts';
import { makeCache } from '#testkit/redis.ts';
import { captureSpans } from '#testkit/spans.ts';
import { faultReached, scaledProvider, setup, type Overrides } from './setup.ts';

type Item = Record<string, unknown>;
type List = { data: Item[]; page: { next_cursor: string | null; limit: number } };
const base = '/api/v1';

const operator: Principal = { kind: 'client', subject: 'operator', scopes: ['market:refresh'] };

const setupHttp = async (t: ExecutionContext, overrides: Overrides = {}) => {
  const cache = makeCache(t);
  const service = await setup(t, {
    ...overrides,
    service: { committed: ({ name }) => cache.invalidate(name), ...overrides.service },
  });
  const { refreshes, database } = service;
  const queries = createMarketDataQueries({ reader: database.reader, primary: database.reader });
  const cachedReads = createCachedReads({ cache, queries, universes: bundledUniverses, logger: silentLogger });
  const cursors = createCursors({ secret: 'a secret for this test alone' });
  const routes = createMarketDataRoutes({ refreshes, queries, cachedReads, cursors, basePath: base });
  const { call } = await serve(t, { routes, authenticate: async () => operator });
  const get = async <Body = Item>(path: string, status = 200): Promise<Body> => {
    const response = await call(base + path);
    t.is(response.status, status, path);
    return (await response.json()) as Body;
  };
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    call(`${base}/refreshes`, jsonBody(body, headers));
  return { ...service, call, get, post, routes };
};

const loaded = async (t: ExecutionContext) => {
  const http = await setupHttp(t);
  for (const universe of ['tech5', 'sp500']) await http.refreshes.run({ universe, trigger: 'startup' });
  return http;
};

const byText = (left: string, right: string): number => (left < right ? -1 : 1);
const pointers = (problem: Item): unknown[] => (problem['errors'] as Item[]).map(({ pointer }) => pointer);

test.serial('assets, prices, indexes and index values are as in the API contract', async (t) => {
  const { get } = await loaded(t);

  const assets = await get<List>('/assets');
  t.deepEqual(
    new Set(assets.data.map(({ symbol }) => symbol)),
    new Set(['AAPL', 'AMZN', 'GOOG', 'IBM', 'MSFT', '^GSPC']),
  );
  t.deepEqual(assets.page, { next_cursor: null, limit: 100 });
  t.deepEqual(await get('/assets/GOOG'), {
    symbol: 'GOOG',
    name: 'Google',
    exchange: 'NASDAQ',
    currency: 'USD',
    first_date: '2004-08-01',
    last_date: '2010-03-01',
  });
  const monthly = await get<List>('/assets/MSFT/prices?limit=1');
  t.deepEqual(monthly.data, [{ date: '2000-01-01', open: null, high: null, low: null, close: 39.81, volume: null }]);
  const daily = await get<List>('/assets/%5EGSPC/prices?from=2020-04-17');
  t.is(daily.data.length, 1);
  t.is(daily.data[0]?.['volume'], 5_792_140_000);

  const indexes = await get<List>('/indexes');
  t.deepEqual(
    indexes.data.map(({ code }) => code),
    ['SP500', 'TECH5_EW', 'TECH5_PW'],
  );
  t.deepEqual(await get('/indexes/TECH5_EW'), {
    code: 'TECH5_EW',
    name: 'Tech 5 equal-weighted',
    universe: 'tech5',
    method: 'equal_weighted',
    constituents: ['AAPL', 'AMZN', 'GOOG', 'IBM', 'MSFT'],
    first_date: '2000-01-01',
    last_date: '2010-03-01',
  });
  for (const [code, date, value] of [
    ['TECH5_EW', '2010-03-01', 3663.230343],
    ['TECH5_PW', '2010-03-01', 2789.5576355],
    ['SP500', '2020-04-17', 1975.3440142],
  ] as const) {
    const all = await get<List>(`/indexes/${code}/values?limit=1000&from=2009-01-01`);
    let last = all;
    while (last.page.next_cursor) {
      last = await get<List>(`/indexes/${code}/values?limit=1000&from=2009-01-01&cursor=${last.page.next_cursor}`);
    }
    t.is(last.data.at(-1)?.['date'], date);
    t.true(Math.abs(Number(last.data.at(-1)?.['value']) / value - 1) < 1e-9);
  }
});

test.serial('pages contain every row once and in order, for any page size', async (t) => {
  const { get } = await loaded(t);
  const walk = async (path: string, key: string, limit: number): Promise<string[]> => {
    const keys: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const list: List = await get<List>(`${path}limit=${limit}${cursor && `&cursor=${cursor}`}`);
      t.true(list.data.length <= limit);
      keys.push(...list.data.map((item) => String(item[key])));
      cursor = list.page.next_cursor;
    }
    return keys;
  };
  const dates = await walk('/assets/MSFT/prices?', 'date', 50);
  t.is(dates.length, 123);
  t.deepEqual(dates, [...new Set(dates)].toSorted(byText));
  t.deepEqual(await walk('/assets/MSFT/prices?', 'date', 41), dates);
  t.deepEqual(
    await walk('/assets/MSFT/prices?from=2001-01-01&to=2001-12-31&', 'date', 5),
    dates.filter((date) => date.startsWith('2001')),
  );
  t.is((await walk('/indexes/SP500/values?', 'date', 1000)).length, 5105);
  t.is((await walk('/assets?', 'symbol', 1)).length, 6);
  t.is((await walk('/indexes?', 'code', 2)).length, 3);
  const ids = await walk('/refreshes?', 'id', 1);
  t.is(ids.length, 2);
  t.deepEqual(ids, ids.toSorted(byText).toReversed());
});

test.serial('from and to select by date, fields selects members, and a matching ETag gives 304', async (t) => {
  const { get, call } = await loaded(t);
  const symbols = async (query: string) => (await get<List>(`/assets?${query}`)).data.map(({ symbol }) => symbol);
  t.deepEqual(await symbols('from=2011-01-01'), ['^GSPC']);
  t.deepEqual(new Set(await symbols('to=2000-01-02')), new Set(['AAPL', 'AMZN', 'IBM', 'MSFT']));
  t.deepEqual(
    (await get<List>('/indexes?from=2011-01-01')).data.map(({ code }) => code),
    ['SP500'],
  );
  t.is((await get<List>('/refreshes?to=2020-01-01')).data.length, 0);
  t.is((await get<List>(`/refreshes?from=${new Date().toISOString().slice(0, 10)}`)).data.length, 2);
  t.deepEqual((await get<List>('/assets/MSFT/prices?limit=1&fields=close,date')).data, [
    { close: 39.81, date: '2000-01-01' },
  ]);

  const first = await call(`${base}/indexes/TECH5_EW/values`);
  const etag = first.headers.get('etag') ?? '';
  t.regex(etag, /^W\/"/);
  await first.arrayBuffer();
  const second = await call(`${base}/indexes/TECH5_EW/values`, { headers: { 'If-None-Match': etag } });
  t.is(second.status, 304);
});

const refusals = [
  ['/assets?limit=0', 'query.limit'],
  ['/assets?limit=1001', 'query.limit'],
  ['/assets?limit=ten', 'query.limit'],
  ['/assets/MSFT/prices?from=2001-02-29', 'query.from'],
  ['/assets/MSFT/prices?to=0000-01-01', 'query.to'],
  ['/assets/MSFT/prices?from=2001-01-02&to=2001-01-01', 'query.from'],
  ['/assets/MSFT/prices?fields=close,colour', 'query.fields'],
  ['/assets/MSFT/prices?colour=red', 'query.colour'],
  ['/assets/MSFT/prices?cursor=abc', 'query.cursor'],
  ['/assets/MS%00FT', 'path.symbol'],
  ['/refreshes/not-an-id', 'path.id'],
] as const;

test.serial('a request that does not match its schema gives 422 with the pointer of the member', async (t) => {
  const { get } = await setupHttp(t);
  for (const [path, pointer] of refusals) {
    const problem = await get(path, 422);
    t.is(problem['code'], 'validation_failed', path);
    t.deepEqual(pointers(problem), [pointer], path);
  }
});

test.serial('a cursor of another list or with other bounds is refused', async (t) => {
  const { get } = await loaded(t);
  const { page } = await get<List>('/assets/MSFT/prices?limit=10&from=2001-01-01');
  const cursor = String(page.next_cursor);
  await get(`/assets/MSFT/prices?limit=20&from=2001-01-01&cursor=${cursor}`);
  const altered = `${cursor.startsWith('A') ? 'B' : 'A'}${cursor.slice(1)}`;
  for (const path of [
    `/assets/IBM/prices?limit=10&from=2001-01-01&cursor=${cursor}`,
    `/assets/MSFT/prices?limit=10&cursor=${cursor}`,
    `/assets/MSFT/prices?limit=10&from=2001-01-01&to=2002-01-01&cursor=${cursor}`,
    `/indexes/TECH5_EW/values?limit=10&from=2001-01-01&cursor=${cursor}`,
    `/assets/MSFT/prices?limit=10&from=2001-01-01&cursor=${altered}`,
  ]) {
    t.deepEqual(pointers(await get(path, 422)), ['query.cursor'], path);
  }
});

test.serial('unknown assets, indexes and refreshes give 404', async (t) => {
  const { get } = await setupHttp(t);
  const unknownId = '019a0000-0000-7000-8000-000000000000';
  for (const path of [
    '/assets/NOPE',
    '/assets/NOPE/prices',
    '/indexes/NOPE',
    '/indexes/NOPE/values',
    `/refreshes/${unknownId}`,
  ]) {
    t.is((await get(path, 404))['code'], 'resource_not_found', path);
  }
});

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
  'Prefer: wait gives 200 with the ended record, also after a rollback, in the trace of the request',
  async (t) => {
    const { post, faults } = await setupHttp(t);
    captureSpans(t);
    const waited = await post({ universe: 'tech5' }, { Prefer: 'respond-async, wait=10' });
    const record = (await waited.json()) as Item;
    t.is(waited.status, 200);
    t.like(record, { status: 'succeeded', assets: 5, prices: 560, index_values: 246 });
    t.is(record['trace_id'], waited.headers.get('x-trace-id'));

    faults.set('refresh.commit', { mode: 'error', probability: 1, delay_ms: 0 });
    const rolledBack = await post({ universe: 'tech5' }, { Prefer: 'wait=10' });
    t.is(rolledBack.status, 200);
    t.like(await rolledBack.json(), {
      status: 'rolled_back',
      reason: 'database_unavailable',
      error: { code: 'database_unavailable', category: 'database', detail: 'Injected fault at refresh.commit' },
    });
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

test.serial('reads are public, and refreshes need the scope market:refresh', async (t) => {
  const { routes } = await setupHttp(t);
  for (const { path, auth } of routes) {
    t.deepEqual(auth, path.startsWith('/refreshes') ? { scope: 'market:refresh' } : 'public', path);
  }
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
