import test from 'ava';
import { indexCodes, lastIndexValues } from '#testkit/market-data/sample-results.ts';
import { base, loaded, pointers, setupHttp, type List } from './setup-http.ts';

const byText = (left: string, right: string): number => (left < right ? -1 : 1);

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
    indexCodes,
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
  for (const { code, date, value } of lastIndexValues) {
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
  t.is((await walk('/indexes?', 'code', 2)).length, indexCodes.length);
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

test.serial('the refusal of an unknown asset or index names the nearest one, and an unlike name none', async (t) => {
  const { get } = await loaded(t);
  for (const [path, detail] of [
    ['/assets/APPL', 'There is no asset "APPL"; did you mean AAPL?'],
    ['/assets/goog/prices', 'There is no asset "goog"; did you mean GOOG?'],
    ['/assets/GSPC/prices', 'There is no asset "GSPC"; did you mean ^GSPC?'],
    ['/indexes/TECH5_WE', 'There is no index "TECH5_WE"; did you mean TECH5_EW?'],
    ['/indexes/TECH5EW/values', 'There is no index "TECH5EW"; did you mean TECH5_EW?'],
    ['/indexes/TECH_EW/explain', 'There is no index "TECH_EW"; did you mean TECH5_EW?'],
    ['/assets/NOBODY', 'There is no asset "NOBODY"'],
  ] as const) {
    t.is((await get(path, 404))['detail'], detail, path);
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

test.serial('refreshes need the scope market:refresh', async (t) => {
  const { routes } = await setupHttp(t);
  const refreshes = routes.filter(({ path }) => path.startsWith('/refreshes'));
  t.is(refreshes.length, 4);
  for (const { path, auth } of refreshes) t.deepEqual(auth, { scope: 'market:refresh' }, path);
});

test.serial('a series is read newest first, and its newest rows alone', async (t) => {
  const { get } = await loaded(t);
  for (const path of ['/assets/%5EGSPC/prices', '/indexes/SP500/values']) {
    const bounds = 'from=2019-01-01&to=2020-03-31';
    const all = (await get<List>(`${path}?${bounds}&limit=1000`)).data;
    t.true(all.length > 250);
    const walked: List['data'] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const next: List = await get<List>(`${path}?${bounds}&order=desc&limit=60${cursor && `&cursor=${cursor}`}`);
      walked.push(...next.data);
      cursor = next.page.next_cursor;
    }
    t.deepEqual(walked, all.toReversed(), path);

    const latest = await get<List>(`${path}?${bounds}&latest=3`);
    t.deepEqual(latest, { data: all.slice(-3), page: { next_cursor: null, limit: 3 } });
    t.deepEqual((await get<List>(`${path}?${bounds}&latest=3&order=desc`)).data, all.slice(-3).toReversed());
    t.is((await get<List>(`${path}?latest=1`)).data[0]?.['date'], '2020-04-17');

    const { page } = await get<List>(`${path}?order=desc&limit=1`);
    const ascending = await get<List>(`${path}?limit=1`);
    for (const [query, pointer] of [
      [`cursor=${page.next_cursor}`, 'query.cursor'],
      [`order=desc&cursor=${ascending.page.next_cursor}`, 'query.cursor'],
      [`latest=1&cursor=${ascending.page.next_cursor}`, 'query.latest'],
      ['latest=0', 'query.latest'],
      ['latest=1001', 'query.latest'],
      ['order=down', 'query.order'],
    ] as const) {
      t.deepEqual(pointers(await get(`${path}?${query}`, 422)), [pointer], query);
    }
  }
  await get('/assets/NOBODY/prices?latest=1', 404);
  await get('/indexes/NOBODY/values?order=desc', 404);
});
