import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { arrowStream, readArrow } from '#testkit/arrow/arrow-support.ts';
import { call, json, serve } from '#testkit/running-service.ts';

const user = { email: 'settings@example.org', password: 'a rather long sentence' };
const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const american = { ...option, option_type: 'put', exercise_style: 'american' };

test('settings and presets of a user change pricing in every format and reads of universes', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(
    t,
    { DATABASE_URL: database.url, PRICING_PRESETS_PER_USER: '2' },
    { startTimeoutMs: 120_000 },
  );
  await service.ready(120_000);
  const api = `${service.url}/api/v1`;
  const signUp = async (email: string): Promise<string> => {
    await call(`${api}/auth/register`, json({ ...user, email }));
    return String((await call(`${api}/auth/login`, json({ ...user, email }))).body['access_token']);
  };
  const token = await signUp(user.email);
  const other = await signUp('other@example.org');
  const send = (
    method: string,
    path: string,
    body?: unknown,
    { as = token, headers = {} }: { readonly as?: string; readonly headers?: Record<string, string> } = {},
  ) => {
    const all = { ...(as !== '' && { Authorization: `Bearer ${as}` }), ...headers };
    return call(`${api}${path}`, body === undefined ? { method, headers: all } : { ...json(body, all), method });
  };
  const detailsOf = ({ body }: { readonly body: Record<string, unknown> }) =>
    (body['errors'] as { pointer: string; detail: string }[]).map(({ pointer, detail }) => `${pointer} ${detail}`);

  // Presets: rules, bounds, owners.
  const put = (name: string, body: unknown) => send('PUT', `/settings/presets/${name}`, body);
  t.is((await put('tree', { model: 'binomial_lr', steps: 101 })).status, 201);
  t.is((await put('tree', { model: 'binomial_lr', steps: 51 })).status, 200);
  t.deepEqual(detailsOf(await put('bad', { model: 'binomial_lr', precision: 'fast' })), [
    '/precision The model binomial_lr has no precision',
  ]);
  for (const bad of [{}, { steps: 10 }, { model: 'tree' }, { model: 'baw', note: 'x' }]) {
    t.is((await put('bad', bad)).status, 422, JSON.stringify(bad));
  }
  t.is((await put('Bad Name', { model: 'baw' })).status, 422);
  const puts = await Promise.all(['a', 'b', 'c'].map((name) => put(name, { precision: 'high' })));
  t.deepEqual(
    puts.map(({ status }) => status).toSorted((one, other) => one - other),
    [201, 422, 422],
    'the max number holds at once',
  );
  const list = await send('GET', '/settings/presets');
  t.is((list.body['data'] as unknown[]).length, 2);
  t.like(await send('GET', '/settings/presets/tre'), {
    status: 404,
    body: { detail: 'There is no preset "tre"; did you mean tree?' },
  });
  t.is((await send('GET', '/settings/presets/tree', undefined, { as: other })).status, 404);
  t.is((await send('GET', '/settings/presets/tree', undefined, { as: '' })).status, 401);

  // One option.
  const plain = await send('POST', '/pricing/price', { ...american, model: 'binomial_lr', steps: 51 });
  const byPreset = await send('POST', '/pricing/price', { ...american, preset: 'tree' });
  t.like(byPreset, { status: 200, body: { model: 'binomial_lr', steps: 51, price: plain.body['price'] } });
  t.like((await send('POST', '/pricing/price', { ...american, preset: 'tree', steps: 77 })).body, { steps: 77 });
  t.like((await send('POST', '/pricing/price', { ...option, preset: 'tree', model: 'black_scholes' })).body, {
    model: 'black_scholes',
  });
  t.deepEqual(detailsOf(await send('POST', '/pricing/price', { ...option, preset: 'tre' })), [
    '/preset There is no preset "tre"; did you mean tree?',
  ]);
  t.deepEqual(detailsOf(await send('POST', '/pricing/price', { ...option, preset: 'tree' }, { as: '' })), [
    '/preset preset needs the credentials of a user, and this request has none: send the header Authorization: Bearer TOKEN (TOKEN is access_token in the answer of POST /auth/login), or the header X-API-Key with an API key of a user. To price without a preset, remove preset from the body',
  ]);
  t.is((await send('POST', '/pricing/price', { ...option, preset: 'tree' }, { as: other })).status, 422);

  // Batches: rows, columns, an Arrow stream; an unknown preset refuses each as a whole.
  const price = byPreset.body['price'] as number;
  const rows = await send('POST', '/pricing/batch', {
    options: [american, { ...option, model: 'black76' }],
    preset: 'tree',
  });
  t.like(rows.body, { results: { 0: { model: 'binomial_lr', steps: 51, price }, 1: { model: 'black76' } } });
  const columns = await send('POST', '/pricing/batch', {
    columns: { ...american, strike: [105, 105] },
    preset: 'tree',
  });
  t.deepEqual((columns.body['columns'] as Record<string, number[]>)['price'], [price, price]);
  const mixed = await send('POST', '/pricing/batch', {
    columns: { ...american, model: ['binomial_lr', 'andersen_lake'], strike: [105, 105] },
    preset: 'tree',
  });
  t.like(mixed.body, { succeeded: 2 });
  t.is((mixed.body['columns'] as Record<string, number[]>)['price']![0], price);
  const stream = (preset: string) =>
    fetch(`${api}/pricing/batch`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/vnd.apache.arrow.stream' },
      body: Buffer.from(
        arrowStream(Object.fromEntries(Object.entries(american).map(([name, value]) => [name, [value] as number[]])), {
          preset,
        }),
      ),
    });
  const arrow = await stream('tree');
  t.is(arrow.status, 200);
  t.like(readArrow(new Uint8Array(await arrow.arrayBuffer())), { 0: { price } });
  t.is((await stream('tre')).status, 422);
  for (const body of [{ options: [option] }, { columns: option }]) {
    t.deepEqual(detailsOf(await send('POST', '/pricing/batch', { ...body, preset: 'tre' })), [
      '/preset There is no preset "tre"; did you mean tree?',
    ]);
  }

  // Settings.
  const change = (body: unknown) => send('PATCH', '/settings', body, { headers: { 'If-Match': '*' } });
  t.is((await change({ default_model: 'binomial_lr', decimal_places: 2, default_universe: 'tech5' })).status, 200);
  t.like((await send('POST', '/pricing/price', option)).body, { model: 'binomial_lr', steps: 501 });
  t.like((await send('POST', '/pricing/price', option, { as: other })).body, { model: 'black_scholes' });
  t.like((await send('POST', '/pricing/price', option, { as: '' })).body, { model: 'black_scholes' });
  t.like((await send('POST', '/pricing/batch', { options: [option] })).body, {
    results: { 0: { model: 'binomial_lr' } },
  });
  const hinted = await send('POST', '/pricing/price', option, { headers: { Prefer: 'wait=3, display-hints' } });
  t.is(hinted.headers.get('display-decimal-places'), '2');
  t.is(hinted.headers.get('preference-applied'), 'display-hints');
  for (const [path, body] of [
    ['/pricing/grid', { option }],
    ['/pricing/batch', { options: [option] }],
  ] as const) {
    const { headers } = await send('POST', path, body, { headers: { Prefer: 'display-hints' } });
    t.is(headers.get('display-decimal-places'), '2', path);
    t.is(headers.get('preference-applied'), 'display-hints', path);
    t.regex(headers.get('content-type')!, /^application\/json/, path);
  }
  t.is((await send('POST', '/pricing/price', option)).headers.get('display-decimal-places'), null);
  const own = await send('GET', '/universes/@default');
  t.like(own, { status: 200, body: { name: 'tech5' } });
  // Both universes have version 1.
  t.is((await change({ default_universe: 'sp500' })).status, 200);
  const changed = await send('GET', '/universes/@default', undefined, {
    headers: { 'If-None-Match': own.headers.get('etag')! },
  });
  t.like(changed, { status: 200, body: { name: 'sp500' } }, 'the tag of the former universe does not match');
  t.is((await change({ default_universe: 'tech5' })).status, 200);
  t.is((await send('GET', '/universes/@default/status')).status, 200);
  t.is((await send('GET', '/universes/@default', undefined, { as: other })).status, 422);
  t.is((await send('GET', '/universes/@default', undefined, { as: '' })).status, 422);

  // A default model that does not fit an option is not taken for it, in each format.
  t.is((await change({ default_model: 'heston' })).status, 200);
  t.like((await send('POST', '/pricing/price', american)).body, { model: 'andersen_lake' });
  const columnsOfAmerican = await send('POST', '/pricing/batch', { columns: { ...american, strike: [105, 105] } });
  t.like(columnsOfAmerican.body, { succeeded: 2 });
  t.is((await change({ default_model: 'andersen_lake' })).status, 200);
  t.like((await send('POST', '/pricing/price', { ...american, steps: 51 })).body, { model: 'binomial_lr', steps: 51 });
  t.like(
    (await send('POST', '/pricing/batch', { columns: { ...american, strike: [105, 105], steps: [51, 101] } })).body,
    { succeeded: 2 },
  );

  // The precision of a preset is that of the model that is chosen, and the model of the settings comes after the preset's.
  t.is((await send('DELETE', '/settings/presets/tree')).status, 204);
  const kept = ['a', 'b', 'c'].find((_, index) => puts[index]?.status === 201);
  t.like((await send('POST', '/pricing/price', { ...american, preset: kept })).body, {
    model: 'andersen_lake',
    precision: 'high',
  });
  t.is((await put('tree', { model: 'baw' })).status, 201);
  t.is((await change({ default_model: 'binomial_lr' })).status, 200);
  t.like((await send('POST', '/pricing/price', { ...option, preset: 'tree' })).body, { model: 'binomial_lr' });
  t.like((await send('POST', '/pricing/price', { ...american, preset: 'tree' })).body, { model: 'baw' });

  t.is((await send('DELETE', '/settings/presets/tree')).status, 204);
  t.is((await send('DELETE', '/settings/presets/tree')).status, 404);
  t.is((await send('POST', '/pricing/price', { ...american, preset: 'tree' })).status, 422);
});
