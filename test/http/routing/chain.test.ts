import test from 'ava';
import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { openRoute, jsonBody, serve } from '../support.ts';
import { routes } from './routes.ts';

test('OPTIONS, CORS for listed origins only', async (t) => {
  const { call } = await serve(t, { routes, corsOrigins: ['https://app.example'] });
  const options = await call('/api/v1/items', { method: 'OPTIONS' });
  t.is(options.status, 204);
  t.is(options.headers.get('allow'), 'GET, HEAD, OPTIONS');
  const preflight = await call('/api/v1/echo', { method: 'OPTIONS', headers: { Origin: 'https://app.example' } });
  t.is(preflight.headers.get('access-control-allow-origin'), 'https://app.example');
  t.is(preflight.headers.get('access-control-allow-methods'), 'OPTIONS, POST');
  const refused = await call('/nowhere', { headers: { Origin: 'https://app.example' } });
  t.is(refused.headers.get('access-control-allow-credentials'), 'true');
  t.regex(refused.headers.get('access-control-expose-headers') ?? '', /X-Request-ID.*RateLimit-Policy/);
  const foreign = await call('/api/v1/items', { headers: { Origin: 'https://evil.example' } });
  t.is(foreign.headers.get('access-control-allow-origin'), null);
  t.is(foreign.headers.get('vary'), 'Origin');
  const negotiated = await call('/', { headers: { Accept: 'application/json' } });
  t.is(negotiated.headers.get('vary'), 'Origin, Accept');
});

test('the chain authenticates, asks the limit of the caller, then CSRF', async (t) => {
  const principal: Principal = { kind: 'client', subject: 'c1', scopes: ['ml:read'] };
  const asked: string[] = [];
  const { call, lines } = await serve(t, {
    routes,
    authenticate: async (_, policy) => {
      asked.push(`authenticate ${JSON.stringify(policy)}`);
      return principal;
    },
    rateLimit: async (context, policy, caller) => {
      asked.push(`limit ${policy} ${context.clientIp} ${caller?.subject ?? ''}`);
      return { RateLimit: policy };
    },
    csrf: async ({ method }) => {
      asked.push(`csrf ${method}`);
    },
  });
  const response = await call('/api/v1/secret', { method: 'DELETE' });
  t.is(response.status, 204);
  t.is(response.headers.get('ratelimit'), 'caller');
  t.is(response.headers.get('cache-control'), 'no-store');
  t.deepEqual(asked, ['authenticate {"scope":"ml:read"}', 'limit caller 127.0.0.1 c1', 'csrf DELETE']);
  t.is(lines[0]?.['principal_kind'], 'client');
  t.regex(String(lines[0]?.['client_ip_hash']), /^[0-9a-f]{16}$/);
});

test('CSRF comes before validation: a bad body without a CSRF token is 403, and the handler does not run', async (t) => {
  let runs = 0;
  const route = defineRoute({
    method: 'POST',
    path: '/guarded',
    ...openRoute,
    request: { body: z.strictObject({ spot: z.number() }) },
    responses: { 204: null },
    handler: async () => {
      runs += 1;
      return { status: 204, body: null };
    },
  });
  const { call } = await serve(t, {
    routes: [route],
    csrf: async ({ headers }) => {
      if (headers['x-csrf-token'] !== 'right') throw new AppError('csrf_token_invalid');
    },
  });
  const send = async (body: string, token: string) => {
    const answer = await call('/api/v1/guarded', jsonBody(body, { 'X-CSRF-Token': token }));
    return answer.status;
  };
  for (const body of ['{"spot":"text"}', '{"spot":1,"other":2}', '{']) t.is(await send(body, 'wrong'), 403, body);
  t.is(await send('{"spot":1}', 'wrong'), 403);
  t.is(runs, 0);
  t.is(await send('{"spot":"text"}', 'right'), 422);
  t.is(runs, 0);
  t.is(await send('{"spot":1}', 'right'), 204);
  t.is(runs, 1);
});

const getRoute = (path: `/${string}`, storesOnGet?: true): Route =>
  defineRoute({
    method: 'GET',
    path,
    ...(storesOnGet && { storesOnGet }),
    ...openRoute,
    request: {},
    responses: { 204: null },
    handler: async () => ({ status: 204 as const, body: null }),
  });

test('a GET route that stores something is checked like a change', async (t) => {
  const asked: string[] = [];
  const { call } = await serve(t, {
    routes: [getRoute('/reads'), getRoute('/stores', true)],
    csrf: async ({ method }) => void asked.push(method),
  });
  for (const path of ['reads', 'stores']) t.is((await call(`/api/v1/${path}`)).status, 204);
  t.deepEqual(asked, ['GET']);
});

test('HEAD runs no GET route that stores something', async (t) => {
  let runs = 0;
  const routes = [getRoute('/reads'), getRoute('/stores', true)];
  const { call } = await serve(t, {
    routes: routes.map((route) => ({
      ...route,
      handler: async () => {
        runs += 1;
        return { status: 204 as const, body: null };
      },
    })),
  });
  t.is((await call('/api/v1/reads', { method: 'HEAD' })).status, 204);
  const refused = await call('/api/v1/stores', { method: 'HEAD' });
  t.is(refused.status, 405);
  t.is(refused.headers.get('allow'), 'GET, OPTIONS');
  t.is(runs, 1);
});

test('refused credentials count against the address', async (t) => {
  const asked: string[] = [];
  const { call } = await serve(t, {
    routes,
    rateLimit: async (_, policy) => {
      asked.push(policy);
      if (asked.length > 1) throw new AppError('rate_limit_exceeded', 'Enough', { retryAfter: 7 });
      return { RateLimit: 'first' };
    },
  });
  const first = await call('/api/v1/secret', { method: 'DELETE' });
  t.is(first.status, 401);
  t.is(first.headers.get('ratelimit'), 'first');
  const second = await call('/api/v1/secret', { method: 'DELETE' });
  t.is(second.status, 429);
  t.is(second.headers.get('retry-after'), '7');
  t.deepEqual(asked, ['caller', 'caller']);
});

test('numbers beyond a double, deep nesting and an unknown expectation are no 5xx', async (t) => {
  const { call, raw } = await serve(t, { routes, limits: { bodyLimitBytes: 100_000, batchBodyLimitBytes: 100_000 } });
  t.is((await call('/api/v1/echo', jsonBody('{"spot":1e999}'))).status, 422);
  t.is((await call('/api/v1/echo', jsonBody('['.repeat(90_000)))).status, 400);
  t.is((await call('/api/v1/echo', jsonBody('['.repeat(45_000) + ']'.repeat(45_000)))).status, 400);
  t.regex(await raw('GET /api/v1/items HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n'), /^HTTP\/1.1 200 /);
  t.regex(await raw('GET http://a/api/v1/items HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1.1 200 /);
  t.regex(await raw('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1.1 404 /);
  t.is((await call('/docs', { headers: { Accept: 'text/html' } })).status, 200);
});

test('HSTS in production only; security headers always', async (t) => {
  const production = await serve(t, { routes, production: true });
  const elsewhere = await serve(t, { routes });
  const maxAge = /max-age=(\d+)/.exec(
    (await production.call('/nowhere')).headers.get('strict-transport-security') ?? '',
  );
  t.true(Number(maxAge?.[1]) >= 180 * 24 * 3600);
  const { headers } = await elsewhere.call('/api/v1/items');
  t.false(headers.has('strict-transport-security'));
  t.is(headers.get('x-content-type-options'), 'nosniff');
  t.is(headers.get('x-frame-options'), 'DENY');
  for (const name of ['referrer-policy', 'permissions-policy', 'content-security-policy'])
    t.true(headers.has(name), name);
});

test('ids: a well-formed one of the caller is kept, anything else replaced', async (t) => {
  const { call } = await serve(t, { routes });
  const send = async (id: string) =>
    (await call('/api/v1/items', { headers: { 'X-Request-ID': id } })).headers.get('x-request-id');
  t.is(await send('a.B_9-'), 'a.B_9-');
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (const bad of ['with space', 'x'.repeat(129), 'semi;colon']) t.regex((await send(bad)) ?? '', uuid);
  const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`;
  t.is((await call('/api/v1/items', { headers: { traceparent } })).headers.get('x-trace-id'), 'c'.repeat(32));
});

test('unknown query names of GET routes are refused, or ignored by the setting; other methods always refuse them', async (t) => {
  const strict = await serve(t, { routes });
  const lenient = await serve(t, { routes, unknownQuery: 'ignore' });
  for (const query of ['limit=7&utm_source=x', 'a=1&a=2&limit=7', 'limit=7&%zz=1', '%6Cimit=7&__proto__=1']) {
    t.not((await strict.call(`/api/v1/items?${query}`)).status, 200, query);
    const answer = await lenient.call(`/api/v1/items?${query}`);
    t.is(answer.status, 200, query);
    t.like(await answer.json(), { page: { limit: 7 } });
  }
  const echo = await lenient.call('/api/v1/echo?other=1', jsonBody({ spot: 1 }));
  t.is(echo.status, 422);
  for (const query of ['limit=0&utm_source=x', 'limit=1&limit=2', 'fields=nothing']) {
    t.is((await lenient.call(`/api/v1/items?${query}`)).status, 422, query);
  }
});
