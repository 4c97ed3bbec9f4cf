import test from 'ava';
import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Deprecation } from '#src/kernel/requests/deprecation.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { openSocket } from '#testkit/raw-sockets.ts';
import { serve } from '../support.ts';

const deprecated: Deprecation = { since: '2026-11-26', sunset: '2027-11-26', successor: '/api/v2/quotes/{symbol}' };
const common = { tag: 'test', rateLimit: 'none', load: 'none', errors: [] } as const;

const routeWith = (more: { readonly deprecated?: Deprecation }) =>
  defineRoute({
    ...common,
    ...more,
    method: 'GET',
    path: '/quotes/{symbol}',
    summary: 'A quote',
    auth: 'authenticated',
    request: { path: z.strictObject({ symbol: z.string().max(8) }) },
    responses: { 200: z.strictObject({ symbol: z.string() }) },
    handler: async ({ path }) => ({ status: 200, body: path }),
  });

const current = defineRoute({
  ...common,
  method: 'POST',
  path: '/quotes/{symbol}',
  summary: 'Not deprecated',
  auth: 'public',
  request: { path: z.strictObject({ symbol: z.string() }) },
  responses: { 204: null },
  handler: async () => ({ status: 204, body: null }),
});

const headers = {
  deprecation: '@1795651200',
  sunset: 'Fri, 26 Nov 2027 00:00:00 GMT',
  link: '</api/v2/quotes/A%20b>; rel="successor-version", </docs>; rel="deprecation"; type="text/html"',
};
const sentBy = (response: Response) =>
  Object.fromEntries(Object.keys(headers).map((name) => [name, response.headers.get(name)]));

const start = async (t: Parameters<typeof serve>[0]) =>
  serve(t, {
    routes: [routeWith({ deprecated }), current],
    corsOrigins: ['https://app.example'],
    authenticate: async ({ headers: { authorization } }) => {
      if (authorization === undefined) throw new AppError('credentials_missing');
      return { kind: authorization as Principal['kind'], subject: 'someone', scopes: [] };
    },
  });

test('each answer of a deprecated route has Deprecation, Sunset and Link, and no other answer has them', async (t) => {
  const { call } = await start(t);
  const user = { Authorization: 'user', Origin: 'https://app.example' };
  for (const [what, path, init, status] of [
    ['an answer', '/quotes/A%20b', { headers: user }, 200],
    ['HEAD', '/quotes/A%20b', { method: 'HEAD', headers: user }, 200],
    ['a refused caller', '/quotes/A%20b', {}, 401],
    ['a refused input', '/quotes/A%20b?x=1', { headers: user }, 422],
  ] as const) {
    const response = await call(`/api/v1${path}`, init);
    t.is(response.status, status, what);
    t.deepEqual(sentBy(response), headers, what);
  }
  const exposed = (await call('/api/v1/quotes/A', { headers: user })).headers.get('access-control-expose-headers');
  for (const name of ['Deprecation', 'Sunset', 'Link']) t.true(exposed?.split(', ').includes(name), name);
  for (const [path, method] of [
    ['/quotes/A', 'POST'],
    ['/quotes/A', 'DELETE'],
    ['/nowhere', 'GET'],
  ] as const) {
    const response = await call(`/api/v1${path}`, { method });
    t.deepEqual(Object.values(sentBy(response)), [null, null, null], `${method} ${path}`);
  }
});

test('a path of the caller cannot break out of the link', async (t) => {
  const { port } = await start(t);
  const get = 'GET /api/v1/quotes/a>"b HTTP/1.1\r\nHost: a\r\nAuthorization: user\r\nConnection: close\r\n\r\n';
  const { answer, closed } = await openSocket(t, { port }, get);
  await eventually(closed, 'the answer is there');
  t.regex(answer(), /^HTTP\/1\.1 200 /);
  t.regex(answer(), /^link: <\/api\/v2\/quotes\/a%3E%22b>; rel="successor-version", </im);
});

test('requests to a deprecated route are counted by kind of caller, from 0 on', async (t) => {
  const { call, reported } = await start(t);
  const counted = (caller: string) =>
    reported
      .filter(({ name, labels }) => name === 'volwatch_deprecated_requests_total' && labels['caller'] === caller)
      .map(({ value, labels: { http_route, http_request_method } }) => ({ value, http_route, http_request_method }));
  const at = (...values: number[]) =>
    values.map((value) => ({ value, http_route: '/api/v1/quotes/{symbol}', http_request_method: 'GET' }));
  for (const caller of ['anonymous', 'user', 'client', 'api_key']) t.deepEqual(counted(caller), at(0));
  await call('/api/v1/quotes/A', { headers: { Authorization: 'user' } });
  await call('/api/v1/quotes/B', { headers: { Authorization: 'user' } });
  await call('/api/v1/quotes/A', { headers: { Authorization: 'api_key' } });
  await call('/api/v1/quotes/A');
  await call('/api/v1/quotes/A', { method: 'POST' });
  t.deepEqual(counted('user'), at(0, 1, 1));
  t.deepEqual(counted('api_key'), at(0, 1));
  t.deepEqual(counted('anonymous'), at(0, 1));
  t.deepEqual(counted('client'), at(0));
});

test('OpenAPI marks a deprecated route, says when it can be missing and what to use, and lists its headers', async (t) => {
  const { call } = await start(t);
  const { paths } = (await (await call('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { deprecated?: boolean; description?: string; responses: object }>>;
  };
  const { get, post } = paths['/api/v1/quotes/{symbol}']!;
  t.true(get!.deprecated);
  const sentence = 'Deprecated since 2026-11-26. It can be missing from 2027-11-26 on. Use /api/v2/quotes/{symbol}.';
  t.true(get!.description?.startsWith(sentence));
  for (const { headers: listed } of Object.values(get!.responses) as { headers: object }[]) {
    t.deepEqual(
      ['Deprecation', 'Sunset', 'Link'].filter((name) => !(name in listed)),
      [],
    );
  }
  t.is(post!.deprecated, undefined);
  t.notRegex(JSON.stringify(post), /Sunset/);
});

test('a deprecation with an invalid day or an early sunset lets the start fail', async (t) => {
  for (const [wrong, message] of [
    [{ since: '2026-02-30', sunset: '2027-11-26' }, /2026-02-30 is not a day/],
    [{ since: '2026-11-26', sunset: '2026-12-01' }, /at least 180 days after 2026-11-26/],
    [{ ...deprecated, successor: '/api/v2/quotes/{id}' }, /unknown parameter id/],
  ] as const) {
    await t.throwsAsync(serve(t, { routes: [routeWith({ deprecated: wrong })] }), { message });
  }
  await t.notThrowsAsync(
    serve(t, { routes: [routeWith({ deprecated: { since: '2026-11-26', sunset: '2027-05-25' } })] }),
  );
});
