import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { call, json, serve } from '#testkit/running-service.ts';
import { startGoogleServer } from '#testkit/servers/google-server.ts';
import type { Document } from '../../http/fuzz/requests.ts';

const admin = { email: 'csrf@example.org', password: 'csrf 4711 umbrella' };

/** Operations that take a session and no token, because they calculate and change nothing. */
const calculating = /^POST \/api\/v1\/(pricing\/(?!jobs)|ml\/)/;

/** Operations that take a session and no token, because their body has a secret of a message. */
const withSecret: ReadonlySet<string> = new Set(['PUT /api/v1/account/email']);

type Named = { readonly method: string; readonly path: string; readonly name: string };

/** The operations with a method of changes that a session cookie reaches; `free`: also callers without credentials. */
const reachedByCookie = ({ paths }: Document): { readonly guarded: Named[]; readonly free: Named[] } => {
  const reached = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method, { security }]) => method !== 'get' && security.some((way) => 'session' in (way as object)))
      .map(([given, { security }]) => {
        const method = given.toUpperCase();
        const isFree = security.some((way) => Object.keys(way as object).length === 0);
        return { method, path, name: `${method} ${path}`, isFree };
      }),
  );
  return { guarded: reached.filter(({ isFree }) => !isFree), free: reached.filter(({ isFree }) => isFree) };
};

test('every state-changing route that a cookie reaches wants the token', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const google = await startGoogleServer(t);
  const service = await serve(t, { DATABASE_URL: database.url, ...generousRateLimits, ...google.environment });
  await service.ready();
  const api = `${service.url}/api/v1`;
  t.is((await call(`${api}/auth/register`, json(admin))).status, 202);
  // The routes of administrators check the scope first.
  await database.query(`update user_account set role = 'admin'`);
  const login = await call(`${api}/auth/login`, json({ ...admin, session: true }));
  t.is(login.status, 200, login.text);
  const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

  const document = (await call(`${service.url}/openapi.json`)).body as unknown as Document;
  const { guarded, free } = reachedByCookie(document);
  const names = new Set(guarded.map(({ name }) => name));
  for (const name of [
    'DELETE /api/v1/account',
    'POST /api/v1/calendar/sync/auto',
    'DELETE /api/v1/calendar/connection',
    'POST /api/v1/webhooks',
    'PUT /api/v1/settings/presets/{name}',
    'POST /api/v1/refreshes',
  ]) {
    t.true(names.has(name), name);
  }
  t.deepEqual(
    free.filter(({ name }) => !calculating.test(name) && !withSecret.has(name)),
    [],
    'a route with optional credentials must change nothing, except by a secret of the request',
  );

  const unguarded: string[] = [];
  for (const { method, path, name } of guarded) {
    const url = `${service.url}${path.replaceAll(/\{\w+\}/g, '0190a0a0-0000-7000-8000-000000000000')}`;
    for (const token of [{}, { 'X-CSRF-Token': 'made-up' }]) {
      const { status, body } = await call(url, { ...json({}, { cookie, ...token }), method });
      if (status !== 403 || body['code'] !== 'csrf_token_invalid')
        unguarded.push(`${name}: ${status} ${String(body['code'])}`);
    }
  }
  t.deepEqual(unguarded, []);

  const withToken = { cookie, 'X-CSRF-Token': String(login.body['csrf_token']) };
  const sync = await call(`${api}/calendar/sync/auto`, { method: 'POST', headers: withToken });
  t.like(sync.body, { status: 409, code: 'calendar_not_connected' }, 'the session still lives, and its token is taken');
  t.is((await call(`${api}/calendar/connection`, { method: 'DELETE', headers: withToken })).status, 204);
});
