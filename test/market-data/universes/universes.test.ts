import test from 'ava';
import { lastIndexValues } from '#testkit/market-data/sample-results.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createUniverseSeeding } from '#src/market-data/universes/universe-seeding.ts';
import { pointers, type Item } from '../setup-http.ts';
import { faultReached } from '../setup.ts';
import { desk, errorOf, setupUniverses } from './setup.ts';

test('a universe is created, read, replaced and deleted, with versions and audit events', async (t) => {
  const { put, remove, get, call, admin, enqueued } = await setupUniverses(t);
  const created = await put('desk', desk());
  t.is(created.status, 201, await created.clone().text());
  t.is(created.headers.get('location'), '/api/v1/universes/desk');
  t.regex(created.headers.get('etag')!, /^"1\.[0-9a-z]+"$/);
  t.like(await errorOf(created), {
    name: 'desk',
    version: 1,
    origin: 'api',
    from: '1970-01-01',
    schedule: null,
    exchange: null,
  });
  t.deepEqual(enqueued, ['desk']);

  const again = await put('desk', desk());
  t.is(again.status, 412);
  t.is((await put('desk', desk(), {})).status, 428);
  t.is((await put('desk', desk(), { 'If-Match': '"2"' })).status, 412);
  const renamed = await put('desk', { ...desk(), title: 'Other' }, { 'If-Match': '"1"' });
  t.is(renamed.status, 200);
  t.regex(renamed.headers.get('etag')!, /^"2\.[0-9a-z]+"$/);
  t.deepEqual(enqueued, ['desk'], 'a title needs no calculation');
  t.is((await put('desk', { ...desk(), indexes: [] }, { 'If-Match': '"2"' })).status, 200);
  t.deepEqual(enqueued, ['desk', 'desk']);

  const read = await call('/api/v1/universes/desk');
  const tag = read.headers.get('etag')!;
  t.regex(tag, /^"3\.[0-9a-z]+-[\w-]{27}"$/);
  t.is((await call('/api/v1/universes/desk', { headers: { 'If-None-Match': tag } })).status, 304);
  const { data } = await get<{ data: Item[] }>('/universes');
  t.deepEqual(
    data.map(({ name, origin, assets, indexes }) => [name, origin, assets, indexes]),
    [
      ['desk', 'api', 2, 0],
      ['sp500', 'bundled', 1, 1],
      ['tech5', 'bundled', 5, 2],
    ],
  );
  t.is((await remove('desk', { 'If-Match': '"2"' })).status, 412);
  t.is((await remove('desk', { 'If-Match': '"3"' })).status, 204);
  t.is((await remove('desk')).status, 404);
  await get('/universes/desk', 404);
  const events = await admin.query(`select action from audit_event where stream = 'universe:desk' order by sequence`);
  t.deepEqual(
    events.map(({ action }) => action),
    ['universe.created', 'universe.changed', 'universe.changed', 'universe.deleted'],
  );
});

test('the tag of a deleted universe does not match one that was created again with its name', async (t) => {
  const { put, remove, call } = await setupUniverses(t);
  await put('desk', desk());
  const tag = (await call('/api/v1/universes/desk')).headers.get('etag')!;
  await remove('desk');
  t.is((await put('desk', { ...desk(), title: 'Of another person' })).status, 201);
  t.is((await call('/api/v1/universes/desk', { headers: { 'If-None-Match': tag } })).status, 200);
  t.is((await put('desk', desk(), { 'If-Match': tag })).status, 412, 'a change that the caller has never seen');
  t.is((await remove('desk', { 'If-Match': tag })).status, 412);
  const newTag = (await call('/api/v1/universes/desk')).headers.get('etag')!;
  t.is((await put('desk', { ...desk(), title: 'Third' }, { 'If-Match': newTag })).status, 200);
  t.is((await put('desk', desk(), { 'If-Match': '"2"' })).status, 200, 'a tag of the version alone');
});

test('each wrong definition is refused with a pointer, and nothing is stored', async (t) => {
  const { put, admin } = await setupUniverses(t);
  const index = (desk()['indexes'] as Item[])[0]!;
  const members = (first: Item, second: Item, more: Item = {}): Item => ({
    ...index,
    ...more,
    constituents: [
      { symbol: 'AAA', ...first },
      { symbol: 'BBB', ...second },
    ],
  });
  const fixed = (first: Item, second: Item) => members(first, second, { method: 'fixed_weights' });
  const assets = (count: number) => Array.from({ length: count }, (_, number) => ({ symbol: `S${number}` }));
  const indexes = (count: number) => Array.from({ length: count }, (_, number) => ({ ...index, code: `I${number}` }));
  const cases: Record<string, Item> = {
    '/assets/1/symbol': { assets: [{ symbol: 'AAA' }, { symbol: 'AAA' }], indexes: [] },
    '/assets/0/symbol': { assets: [{ symbol: 'a b' }], indexes: [] },
    '/assets': { assets: assets(7), indexes: [] },
    '/indexes': { indexes: indexes(7) },
    '/indexes/1/code': { indexes: [index, index] },
    '/indexes/0/code': { indexes: [{ ...index, code: 'TECH5_EW' }] },
    '/indexes/0/method': { indexes: [{ ...index, method: 'best' }] },
    '/indexes/0/rebalance': { indexes: [{ ...index, method: 'price_weighted', rebalance: 'monthly' }] },
    '/indexes/0/base_value': { indexes: [{ ...index, base_value: 0 }] },
    '/indexes/0/base_date': { indexes: [{ ...index, base_date: '2020-02-30' }] },
    '/indexes/0/return_type': { indexes: [{ ...index, return_type: 'net' }] },
    '/indexes/0/constituents/0/weight': { indexes: [members({ weight: 0.5 }, { weight: 0.5 })] },
    '/indexes/0/constituents/1/weight': { indexes: [fixed({ weight: 1 }, {})] },
    '/indexes/1/constituents/0/weight': { indexes: [index, { ...fixed({ weight: -0.5 }, { weight: 1 }), code: 'X' }] },
    '/indexes/0/constituents/1/from': { indexes: [members({}, { from: '2020-02-01', to: '2020-01-31' })] },
    '/indexes/0/constituents/1/to': { indexes: [members({}, { to: 'tomorrow' })] },
    '/indexes/0/constituents/1/symbol': {
      indexes: [{ ...index, constituents: [{ symbol: 'AAA' }, { symbol: 'ZZZ' }] }],
    },
    '/indexes/0/constituents': { indexes: [{ ...index, method: 'rebased' }] },
    '/source': { source: 'sample' },
    '/interval': { interval: '1hour' },
    '/schedule/cron': { schedule: { cron: '61 * * * *', time_zone: 'UTC' } },
    '/schedule/time_zone': { schedule: { cron: '0 5 * * *', time_zone: 'Mars/Olympus' } },
    '/exchange': { exchange: 'NYSE' },
    '/title': { title: 'a\u0007b' },
    '/unknown': { unknown: 1 },
  };
  const sums: readonly [Item, RegExp][] = [
    [fixed({ weight: 0.5 }, { weight: 0.4 }), /add up to 1, and their sum is 0\.9"/],
    [fixed({ weight: 1, to: '2020-01-31' }, { weight: 1, from: '2020-01-31' }), /sum is 2 from 2020-01-31 on/],
    [fixed({ weight: 0.5 }, { weight: 0.5, to: '2020-01-31' }), /sum is 0\.5 from 2020-02-01 on/],
    [members({ to: '2020-01-31' }, { from: '2020-02-02' }), /has no constituent from 2020-02-01 on/],
  ];
  for (const [definition, message] of sums) {
    const response = await put('desk', { ...desk(), indexes: [definition] });
    t.is(response.status, 422, String(message));
    const problem = await errorOf(response);
    t.true(pointers(problem).includes('/indexes/0/constituents'), String(message));
    t.regex(JSON.stringify(problem), message);
  }
  for (const [pointer, change] of Object.entries(cases)) {
    const response = await put('desk', { ...desk(), ...change });
    t.is(response.status, 422, pointer);
    const found = pointers(await errorOf(response));
    t.true(found.includes(pointer), `${pointer}: ${String(found)}`);
  }
  const often = await put('desk', { ...desk(), schedule: { cron: '*/10 * * * *', time_zone: 'UTC' } });
  t.regex(JSON.stringify(await errorOf(often)), /"\/schedule\/cron".*at most each 15 minutes/);
  for (const name of ['Desk', '-desk', 'a'.repeat(64)]) t.is((await put(name, desk())).status, 422, name);
  t.is((await admin.query('select 1 from universe')).length, 2);
  for (const name of ['one', 'two', 'three']) t.is((await put(name, { ...desk(), indexes: [] })).status, 201);
  const full = await put('four', { ...desk(), indexes: [] });
  t.is(full.status, 422);
  t.regex(JSON.stringify(await errorOf(full)), /UNIVERSES_MAX/);
});

test('a refresh names the version, and a universe can be neither changed nor deleted while it runs', async (t) => {
  const service = await setupUniverses(t);
  const { put, remove, refreshes, faults, get } = service;
  const { ended } = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  t.like(await ended, { status: 'succeeded', universe_version: 1, prices: 560 });
  const { origin, version, name, created_at, updated_at, ...definition } = await get('/universes/tech5');
  t.deepEqual([origin, version, name], ['bundled', 1, 'tech5']);
  t.true(created_at === updated_at);

  faults.set('refresh.commit', { mode: 'hang', probability: 1, delay_ms: 0, count: 1 });
  const second = await refreshes.start({ universe: 'tech5', trigger: 'request', waited: false });
  await faultReached(service, 'refresh.commit');
  for (const refused of [await remove('tech5'), await put('tech5', definition, { 'If-Match': '"1"' })]) {
    t.is(refused.status, 409);
    t.is((await errorOf(refused))['code'], 'refresh_in_progress');
  }
  faults.clear('refresh.commit');
  await second.ended;
  t.is((await put('tech5', { ...definition, title: 'Five' }, { 'If-Match': '"1"' })).status, 200);
  t.is((await refreshes.run({ universe: 'tech5', trigger: 'request' })).universe_version, 2);
});

test('of two writers of one version only one succeeds', async (t) => {
  const { put, get } = await setupUniverses(t);
  t.is((await put('desk', desk())).status, 201);
  const writers = ['one', 'two', 'three', 'four'].map((title) =>
    put('desk', { ...desk(), title }, { 'If-Match': '"1"' }),
  );
  const statuses = (await Promise.all(writers)).map(({ status }) => status);
  t.is(statuses.filter((status) => status === 200).length, 1, String(statuses));
  t.true(
    statuses.every((status) => [200, 409, 412, 429].includes(status)),
    String(statuses),
  );
  t.is((await get('/universes/desk'))['version'], 2);
});

test('a deletion removes indexes, values and series, except series of other universes; reads follow at once', async (t) => {
  const { put, remove, refreshes, get, admin, call } = await setupUniverses(t);
  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  const shared = { source: 'provider', interval: '1month', assets: [{ symbol: 'IBM' }], indexes: [] };
  // The sample data have no such universe, so its refresh is not run here.
  t.is((await put('sp500', { ...shared, title: 'IBM' }, { 'If-Match': '"1"' })).status, 200);
  for (const path of ['/assets/IBM/prices', '/assets/AAPL/prices', '/indexes/TECH5_EW/values']) {
    await get(path);
    t.is((await call(`/api/v1${path}`)).headers.get('cache-status'), 'volwatch; hit', path);
  }
  t.is((await remove('tech5')).status, 204);
  await get('/assets/AAPL/prices', 404);
  await get('/indexes/TECH5_EW/values', 404);
  t.is((await get<{ data: Item[] }>('/assets/IBM/prices')).data.length, 100);
  t.is((await admin.query('select 1 from market_index')).length, 0);
  t.is((await admin.query('select distinct asset_id from price')).length, 1);
  const refused = await call('/api/v1/refreshes', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ universe: 'tech5' }),
  });
  t.deepEqual(pointers(await errorOf(refused)), ['/universe']);
});

test('an index that is removed from a universe goes with its values, and the others keep theirs', async (t) => {
  const { put, refreshes, get } = await setupUniverses(t);
  await refreshes.run({ universe: 'tech5', trigger: 'request' });
  const before = await get('/indexes/TECH5_EW/values?limit=1000');
  const { origin, version, name, created_at, updated_at, ...definition } = await get('/universes/tech5');
  t.truthy([origin, version, name, created_at, updated_at]);
  const [equal] = definition['indexes'] as Item[];
  t.is((await put('tech5', { ...definition, indexes: [equal] }, { 'If-Match': '"1"' })).status, 200);
  await get('/indexes/TECH5_PW', 404);
  await refreshes.run({ universe: 'tech5', trigger: 'change' });
  t.deepEqual(await get('/indexes/TECH5_EW/values?limit=1000'), before);
});

test('a deleted bundled universe is not created again, and the bundled ones keep their values', async (t) => {
  const { remove, seeding, refreshes, get, universes } = await setupUniverses(t);
  for (const name of ['tech5', 'sp500']) await refreshes.run({ universe: name, trigger: 'startup' });
  for (const { code, date, value } of lastIndexValues) {
    const { data } = await get<{ data: Item[] }>(`/indexes/${code}/values?from=${date}`);
    t.is(data[0]?.['date'], date);
    t.is(Number(Number(data[0]?.['value']).toPrecision(11)), Number(value.toPrecision(11)), code);
  }
  t.is((await remove('tech5')).status, 204);
  await seeding.createBundled();
  t.deepEqual(await universes.names(), ['sp500']);
});

test('a universe of the file is applied, cannot be changed by a request, and is released when the file lacks it', async (t) => {
  const service = await setupUniverses(t);
  const { put, remove, get, changes, deps, enqueued, faults, refreshes } = service;
  const { title, ...rest } = (await (await put('desk', desk())).json()) as Item;
  t.is(title, 'Desk');
  const { name: _, version: __, origin: ___, created_at: ____, updated_at: _____, ...definition } = rest;
  let file = new Map([['desk', { ...definition, title: 'From the file' }]]) as never;
  const seeding = createUniverseSeeding({ ...deps, changes, readFile: async () => file });
  await seeding.applyFile();
  t.like(await get('/universes/desk'), { origin: 'file', version: 2, title: 'From the file' });
  await seeding.applyFile();
  t.like(await get('/universes/desk'), { version: 2 }, 'nothing has changed');
  t.deepEqual(enqueued, ['desk']);
  for (const refused of [await remove('desk'), await put('desk', desk(), { 'If-Match': '"2"' })]) {
    t.is(refused.status, 409);
    t.is((await errorOf(refused))['code'], 'universe_managed_by_file');
  }
  file = new Map() as never;
  faults.set('provider.fetch', { mode: 'hang', probability: 1, delay_ms: 0, count: 1 });
  const running = await refreshes.start({ universe: 'desk', trigger: 'request', waited: false });
  await faultReached(service, 'provider.fetch');
  await t.notThrowsAsync(seeding.applyFile(), 'a refresh that runs ends no start');
  t.like(await get('/universes/desk'), { origin: 'api', version: 2 });
  faults.clear('provider.fetch');
  await running.ended;
  t.is((await remove('desk')).status, 204);
});

test('the refusal of an unknown universe names the nearest one: reads, a deletion, an upload and a refresh', async (t) => {
  const { get, call, remove, universes } = await setupUniverses(t);
  const detail = 'There is no universe "tech6"; did you mean tech5?';
  const detailOf = async (response: Response) => ((await response.json()) as { detail?: string }).detail;
  t.is((await get('/universes/tech6', 404))['detail'], detail);
  t.is((await get('/universes/tech6/status', 404))['detail'], detail);
  t.is((await get('/universes/nothing-like-it', 404))['detail'], 'There is no universe "nothing-like-it"');
  t.is(await detailOf(await remove('tech6', { 'If-Match': '"1"' })), detail);
  const upload = await call('/api/v1/universes/tech6/prices', {
    method: 'POST',
    headers: { 'Content-Type': 'text/csv' },
    body: 'symbol,date,close\nAAA,2026-01-02,1\n',
  });
  t.is(await detailOf(upload), detail);
  const error = await t.throwsAsync(universes.named('tech6'), { instanceOf: AppError, code: 'validation_failed' });
  t.is(error?.errors?.[0]?.detail, detail);
});

test('a weight whose ratio to others can be infinite is refused with its remedy', async (t) => {
  const { put } = await setupUniverses(t);
  const definition = (weight: number): Item => {
    const constituents = [
      { symbol: 'AAA', weight },
      { symbol: 'BBB', weight: 1 },
    ];
    return { ...desk(), indexes: [{ code: 'FW', name: 'FW', method: 'fixed_weights', constituents }] };
  };
  const response = await put('desk', definition(5e-324));
  t.is(response.status, 422);
  const problem = await errorOf(response);
  t.true(pointers(problem).includes('/indexes/0/constituents/0/weight'));
  t.regex(JSON.stringify(problem), /weight must be at least 1e-9: send a larger weight, or remove the constituent/);
  t.is((await put('desk', definition(1e-9))).status, 201);
});
