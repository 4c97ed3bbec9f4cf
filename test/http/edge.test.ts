import { gzipSync } from 'node:zlib';
import test from 'ava';
import { jsonBody, serve } from './support.ts';
import { routes } from './routing/routes.ts';

type Problem = { code: string; errors?: { pointer: string; code: string }[]; errors_total?: number };
const problemOf = async (response: Response): Promise<Problem> => (await response.json()) as Problem;

const refusals: [string, string, RequestInit, number, string][] = [
  ['no such path', '/nowhere', {}, 404, 'route_not_found'],
  ['a trailing slash', '/items/', {}, 404, 'route_not_found'],
  ['another method', '/items', { method: 'PUT' }, 405, 'method_not_allowed'],
  ['an odd method', '/items', { method: 'PROPFIND' }, 405, 'method_not_allowed'],
  ['broken JSON', '/echo', jsonBody('{"spot":'), 400, 'malformed_body'],
  ['an empty body', '/echo', jsonBody(''), 400, 'malformed_body'],
  ['no body', '/echo', { method: 'POST' }, 400, 'malformed_body'],
  [
    'invalid UTF-8',
    '/echo',
    { ...jsonBody(''), body: Buffer.from('{"spot":"\xff"}', 'latin1') },
    400,
    'malformed_body',
  ],
  ['text', '/echo', jsonBody('x', { 'Content-Type': 'text/plain' }), 415, 'unsupported_media_type'],
  [
    'another charset',
    '/echo',
    jsonBody({}, { 'Content-Type': 'application/json; charset=utf-16' }),
    415,
    'unsupported_media_type',
  ],
  ['another encoding', '/echo', jsonBody({}, { 'Content-Encoding': 'compress' }), 415, 'unsupported_media_type'],
  ['not gzip', '/echo', jsonBody({ spot: 1 }, { 'Content-Encoding': 'gzip' }), 400, 'malformed_body'],
  ['a large body', '/echo', jsonBody({ spot: 1, pad: 'x'.repeat(2000) }), 413, 'payload_too_large'],
  [
    'a gzip bomb',
    '/echo',
    { ...jsonBody('', { 'Content-Encoding': 'gzip' }), body: gzipSync(Buffer.alloc(5_000_000)) },
    413,
    'payload_too_large',
  ],
  ['Accept of something else', '/items', { headers: { Accept: 'text/html' } }, 406, 'not_acceptable'],
  ['Accept that refuses', '/items', { headers: { Accept: 'application/json;q=0' } }, 406, 'not_acceptable'],
  ['broken encoding in the path', '/items/%ff', {}, 400, 'malformed_request'],
  ['broken encoding in the query', '/items?cursor=%zz', {}, 400, 'malformed_request'],
  ['no credentials', '/secret', { method: 'DELETE' }, 401, 'credentials_missing'],
  ['a broken answer', '/broken', {}, 500, 'internal_error'],
];

for (const [name, path, init, status, code] of refusals) {
  test(`refuses ${name}: ${status} ${code}`, async (t) => {
    const { call, reported } = await serve(t, { routes });
    const response = await call(`/api/v1${path}`, init);
    t.is(response.status, status);
    t.is(response.headers.get('content-type'), 'application/problem+json');
    for (const header of ['x-request-id', 'x-trace-id', 'server-timing', 'content-security-policy']) {
      t.true(response.headers.has(header), header);
    }
    t.is((await problemOf(response)).code, code);
    t.is(reported.filter((each) => each.name === 'volwatch_errors_total' && each.labels['code'] === code).length, 1);
    if (status === 405) t.is(response.headers.get('allow'), 'GET, HEAD, OPTIONS');
    if (status === 401) t.is(response.headers.get('www-authenticate'), 'Bearer');
  });
}

const faults: [string, string, unknown, { pointer: string; code: string }[]][] = [
  [
    'unknown members before required ones',
    '/echo',
    '{"__proto__":{"x":1},"constructor":2,"x/y~z":3}',
    [
      { pointer: '/__proto__', code: 'unknown_member' },
      { pointer: '/constructor', code: 'unknown_member' },
      { pointer: '/x~1y~0z', code: 'unknown_member' },
      { pointer: '/spot', code: 'required' },
    ],
  ],
  [
    'a type, an enum, a nested array',
    '/echo',
    { spot: '1', kind: 'both', 'a/b~c': { deep: [1, 2.5] } },
    [
      { pointer: '/spot', code: 'invalid_type' },
      { pointer: '/kind', code: 'invalid_value' },
      { pointer: '/a~1b~0c/deep/1', code: 'invalid_type' },
    ],
  ],
  [
    'ranges and lengths',
    '/echo',
    { spot: 0, 'a/b~c': { deep: [1, 2, 3, 4] } },
    [
      { pointer: '/spot', code: 'out_of_range' },
      { pointer: '/a~1b~0c/deep', code: 'invalid_length' },
    ],
  ],
  [
    'an unknown query name beside a bad body',
    '/echo?zzz=1',
    { spot: null },
    [
      { pointer: 'query.zzz', code: 'unknown_member' },
      { pointer: '/spot', code: 'invalid_type' },
    ],
  ],
  ['a repeated query name', '/echo?n=1&n=2', { spot: 1 }, [{ pointer: 'query.n', code: 'repeated' }]],
];

for (const [name, path, body, errors] of faults) {
  test(`validation names ${name}`, async (t) => {
    const { call } = await serve(t, { routes });
    const response = await call(`/api/v1${path}`, jsonBody(body));
    t.is(response.status, 422);
    const problem = await problemOf(response);
    t.deepEqual(
      problem.errors?.map(({ pointer, code }) => ({ pointer, code })),
      errors,
    );
    t.is(problem.errors_total, errors.length);
    t.is((Object.prototype as Record<string, unknown>)['x'], undefined);
  });
}

test('query and path faults have pointers of their own', async (t) => {
  const { call } = await serve(t, { routes });
  for (const [path, pointer, code] of [
    ['/items?limit=1e3', 'query.limit', 'invalid_type'],
    ['/items?limit=NaN', 'query.limit', 'invalid_type'],
    ['/items?limit=0', 'query.limit', 'out_of_range'],
    ['/items?fields=symbol,nothing', 'query.fields', 'invalid_value'],
    ['/items?__proto__=1', 'query.__proto__', 'unknown_member'],
    ['/items/ABCDEFGHIJ', 'path.symbol', 'invalid_length'],
    ['/items/A?x=1', 'query.x', 'unknown_member'],
  ] as const) {
    const { errors } = await problemOf(await call(`/api/v1${path}`));
    t.deepEqual(
      errors?.map((error) => [error.pointer, error.code]),
      [[pointer, code]],
      path,
    );
  }
});

test('the first 20 of many faults are shown and all are counted', async (t) => {
  const { call } = await serve(t, { routes });
  const unknown = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`m${index}`, 1]));
  const problem = await problemOf(await call('/api/v1/echo', jsonBody({ spot: 1, ...unknown })));
  t.is(problem.errors?.length, 20);
  t.is(problem.errors_total, 50);
});

test('bodies: compressed JSON, forms and raw bytes', async (t) => {
  const { call } = await serve(t, { routes });
  const compressed = { ...jsonBody('', { 'Content-Encoding': 'gzip' }), body: gzipSync('{"spot":2}') };
  t.deepEqual(await (await call('/api/v1/echo', compressed)).json(), { spot: 2, kind: 'call' });
  const form = { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials' }) };
  t.is((await call('/api/v1/token', form)).status, 200);
  const arrow = {
    method: 'POST',
    headers: { 'Content-Type': 'application/vnd.apache.arrow.stream' },
    body: Buffer.from([1, 2, 3]),
  };
  const bytes = await call('/api/v1/raw', arrow);
  t.is(bytes.headers.get('content-type'), 'application/vnd.apache.arrow.stream');
  t.deepEqual([...new Uint8Array(await bytes.arrayBuffer())], [3, 2, 1]);
});

test('the token endpoint refuses as RFC 6749 wants', async (t) => {
  const { call } = await serve(t, { routes });
  const response = await call('/api/v1/token', { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }) });
  t.is(response.status, 400);
  t.is(response.headers.get('content-type'), 'application/json');
  t.like(await response.json(), { error: 'invalid_request', code: 'oauth_request_invalid', status: 400 });
});

test('lists: fields, weak ETag and 304, HEAD', async (t) => {
  const { call } = await serve(t, { routes });
  const full = await call('/api/v1/items');
  const etag = full.headers.get('etag') ?? '';
  t.regex(etag, /^W\/"[\w-]+"$/);
  const picked = await call('/api/v1/items?fields=name&limit=7');
  t.deepEqual(await picked.json(), { data: [{ name: 'a' }], page: { next_cursor: null, limit: 7 } });
  t.not(picked.headers.get('etag'), etag);
  const again = await call('/api/v1/items', { headers: { 'If-None-Match': `"x,y", , ${etag.slice(2)}` } });
  t.is(again.status, 304);
  t.is(await again.text(), '');
  t.is(again.headers.get('etag'), etag);
  const head = await call('/api/v1/items', { method: 'HEAD' });
  t.is(head.status, 200);
  t.is(head.headers.get('content-length'), String((await full.text()).length));
});
