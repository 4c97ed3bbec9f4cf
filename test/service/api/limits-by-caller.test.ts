import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, option, serve, takeToken } from '#testkit/running-service.ts';

const limits = {
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_IP_PER_MINUTE: '25',
  RATE_LIMIT_CLIENT_PER_MINUTE: '500',
  RATE_LIMIT_API_KEY_PER_MINUTE: '400',
  RATE_LIMIT_USER_PER_MINUTE: '300',
};
const user = { email: 'limits@example.org', password: 'limits 4711 umbrella' };

test('credentials lift the public limit: each caller has the limit of its kind, and the headers name it', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, ...limits });
  await service.ready();
  const api = `${service.url}/api/v1`;
  const token = await takeToken(service);
  const authorization = { Authorization: `Bearer ${token}` };
  const made = await call(`${api}/api-keys`, json({ name: 'loop', scopes: [] }, authorization));
  t.is(made.status, 201);
  const key = { 'X-API-Key': String(made.body['key']) };

  const answers: Awaited<ReturnType<typeof call>>[] = [];
  for (let sent = 0; sent < 110; sent += 1) answers.push(await call(`${api}/pricing/price`, json(option, key)));
  const statuses = new Set(answers.map(({ status }) => status));
  t.deepEqual([...statuses], [200], 'a loop of single prices is not stopped at 100');
  const policyOf = async (path: string, headers: Record<string, string>, init: RequestInit = {}) =>
    (await call(`${api}${path}`, { ...init, headers: { ...headers, ...(init.headers as object) } })).headers.get(
      'ratelimit-policy',
    );
  t.is(answers[0]!.headers.get('ratelimit-policy'), '"api_key";q=400;w=60, "client";q=500;w=60');
  for (const path of ['/pricing/models', '/assets', '/indexes', '/universes', '/assets/AAPL/prices?limit=1']) {
    t.is(await policyOf(path, authorization), '"client";q=500;w=60', path);
    t.regex((await policyOf(path, key)) ?? '', /^"api_key";q=400/, path);
    t.is(await policyOf(path, {}), '"ip";q=25;w=60', path);
  }

  await call(`${api}/auth/register`, json(user));
  let cookie = '';
  let body: Record<string, unknown> = {};
  await eventually(async () => {
    const login = await call(`${api}/auth/login`, json({ ...user, session: true }));
    cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    ({ body } = login);
    return login.status === 200;
  }, 'the user is registered');
  t.is(typeof body['csrf_token'], 'string');
  const bySession = await call(`${api}/pricing/price`, json(option, { cookie }));
  t.is(bySession.status, 200, 'pricing changes nothing, so it needs no CSRF token');
  t.is(bySession.headers.get('ratelimit-policy'), '"user";q=300;w=60');
  const foreign = await call(`${api}/pricing/price`, json(option, { cookie, 'Sec-Fetch-Site': 'cross-site' }));
  t.is(foreign.body['code'], 'csrf_token_invalid', 'another site cannot use the cookie');
  t.is((await call(`${api}/api-keys`, json({ name: 'x', scopes: [] }, { cookie }))).body['code'], 'csrf_token_invalid');

  const refused = await call(`${api}/pricing/price`, json(option, { 'X-API-Key': 'wrong' }));
  t.is(refused.status, 401, 'invalid credentials are not served as anonymous');
  t.is(refused.body['code'], 'api_key_invalid');
  t.is(refused.headers.get('ratelimit-policy'), '"ip";q=25;w=60', 'they count against the address');

  const anonymous = await call(`${api}/assets`);
  t.is(anonymous.headers.get('cache-control'), 'no-cache', 'the answer belongs to no caller');
  t.is((await call(`${api}/assets`, { headers: key })).headers.get('cache-control'), 'private, no-cache');

  let last = anonymous;
  for (let sent = 0; sent < 30; sent += 1) last = await call(`${api}/pricing/price`, json(option));
  t.is(last.body['code'], 'rate_limit_exceeded', 'the limit of the address is used up');
  t.is((await call(`${api}/pricing/price`, json(option, key))).status, 200, 'and does not stop the key');
});
