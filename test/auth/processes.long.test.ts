import anyTest, { type TestFn } from 'ava';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { client, metric, serve } from '#testkit/running-service.ts';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import type { Service } from '#testkit/service.ts';
import { createTcpProxy, type TcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { eventually } from '#testkit/eventually.ts';

type Context = {
  readonly services: readonly [Service, Service];
  readonly database: TestDatabase;
  readonly collector: OtlpReceiver;
  readonly redis: TcpProxy;
};
const test = anyTest as TestFn<Context>;
const teardowns: (() => unknown)[] = [];

test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const collector = await startOtlpReceiver(suite);
  const address = new URL(process.env['TEST_REDIS_URL']!);
  const redis = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  suite.teardown(redis.close);
  address.port = String(redis.port);
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: address.href,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    LOG_LEVEL: 'debug',
    RATE_LIMIT_ENABLED: 'false',
    REVOCATION_POLL_MS: '1000',
    AUTH_USAGE_FLUSH_MS: '200',
  };
  const services = await Promise.all([serve(suite, environment), serve(suite, environment)]);
  for (const service of services) await service.logged(({ message }) => message === 'started');
  t.context = { services, database, collector, redis };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  text: string;
};
const answers: string[] = [];

const send = async (
  service: Service,
  path: string,
  body?: object,
  { headers = {}, form = false }: { headers?: Record<string, string>; form?: boolean } = {},
): Promise<Answer> => {
  const response = await fetch(`${service.url}/api/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'Content-Type': form ? 'application/x-www-form-urlencoded' : 'application/json', ...headers },
    ...(body !== undefined && { body: form ? new URLSearchParams({ ...body }).toString() : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 400) answers.push(text, JSON.stringify([...response.headers]));
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
};

const bearer = (token: unknown) => ({ headers: { Authorization: `Bearer ${String(token)}` } });
const person = { email: 'canary.person@example.org', password: 'canary password 7f3a' };
const signIn = async (service: Service) => {
  await send(service, '/auth/register', person);
  const { body } = await send(service, '/auth/login', person);
  return { access: String(body['access_token']), refresh: String(body['refresh_token']) };
};
const refresh = (service: Service, token: string) =>
  send(service, '/auth/token', { grant_type: 'refresh_token', refresh_token: token }, { form: true });
const revoke = (service: Service, token: string) => send(service, '/auth/revoke', { token }, { form: true });

test.serial('two processes race for one refresh token: one wins', async (t) => {
  const [one, two] = t.context.services;
  for (let round = 0; round < 3; round += 1) {
    const { refresh: token } = await signIn(one);
    const raced = await Promise.all([one, two, one, two].map((service) => refresh(service, token)));
    t.is(raced.filter(({ status }) => status === 200).length, 1);
    t.is(raced.filter(({ status, body }) => status === 400 && body['error'] === 'invalid_grant').length, 3);
  }
});

const untilRevoked = async (service: Service, token: string): Promise<number> => {
  const began = performance.now();
  await eventually(
    async () => (await send(service, '/auth/me', undefined, bearer(token))).body['code'] === 'token_revoked',
    'the token is refused',
    15_000,
    2,
  );
  return performance.now() - began;
};

test.serial('a token revoked on one instance is refused by the other at once, through Redis', async (t) => {
  const [one, two] = t.context.services;
  const delays: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const { access } = await signIn(one);
    t.is((await send(two, '/auth/me', undefined, bearer(access))).status, 200);
    t.is((await revoke(one, access)).status, 200);
    t.is((await send(one, '/auth/me', undefined, bearer(access))).status, 401);
    delays.push(await untilRevoked(two, access));
  }
  t.true(Math.min(...delays) < 300, `the poll alone takes up to a second: ${delays.join(', ')} ms`);
});

test.serial('with Redis cut off it is refused within the poll interval, and nothing else changes', async (t) => {
  const [one, two] = t.context.services;
  t.context.redis.cut();
  try {
    const { access, refresh: token } = await signIn(one);
    t.is((await revoke(one, access)).status, 200);
    t.is((await send(one, '/auth/me', undefined, bearer(access))).status, 401);
    t.true((await untilRevoked(two, access)) < 3_000);
    t.is((await refresh(two, token)).status, 200);
  } finally {
    t.context.redis.restore();
  }
});

test.serial('nothing secret or personal is in any log line, span, metric, error or event', async (t) => {
  const [one, two] = t.context.services;
  const { access, refresh: token } = await signIn(one);
  t.is((await send(one, '/auth/me', undefined, bearer(access))).status, 200);
  const rotated = await refresh(one, token);
  await refresh(one, token);
  await send(one, '/auth/login', { ...person, password: 'canary wrong password' });
  await send(one, '/auth/login', { email: 'canary.nobody@example.org', password: 'canary wrong password' });
  await send(one, '/auth/register', { ...person, password: 'password1' });
  await send(one, '/auth/register', { email: 'canary.broken', password: person.password });
  const session = await send(one, '/auth/login', { ...person, session: true });
  const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
  const csrf = String(session.body['csrf_token']);
  await send(one, '/api-keys', { name: 'k', scopes: [] }, { headers: { cookie } });
  const wanted = { name: 'canary key name', scopes: ['ml:read'] };
  const made = await send(one, '/api-keys', wanted, { headers: { cookie, 'X-CSRF-Token': csrf } });
  t.is(made.status, 201);
  const key = String(made.body['key']);
  await send(one, '/auth/me', undefined, { headers: { 'X-API-Key': key } });
  await send(one, '/auth/me', undefined, { headers: { 'X-API-Key': `${key.slice(0, -3)}AAA` } });
  await send(one, `/auth/me?access_token=${access}`);
  const granted = await send(
    one,
    '/auth/token',
    { grant_type: 'client_credentials', client_id: client.id, client_secret: client.secret },
    { form: true },
  );
  await send(
    one,
    '/auth/token',
    { grant_type: 'client_credentials', client_id: client.id, client_secret: 'canary wrong secret' },
    { form: true },
  );
  await revoke(one, access);
  const last = await send(one, '/auth/logout', {}, { headers: { cookie, 'X-CSRF-Token': csrf } });
  t.is(last.status, 204);
  const lastTrace = last.headers.get('x-trace-id')!;
  await t.context.collector.received(lastTrace);
  await one.logged(({ message, trace_id: trace }) => message === 'request' && trace === lastTrace);

  const metrics = await (await fetch(`${one.adminUrl}/metrics`)).text();
  const events = await t.context.database.query('select row_to_json(e)::text as event from audit_event as e');
  const places = {
    log: JSON.stringify([one.log, two.log, one.stderr(), two.stderr()]),
    spans: t.context.collector.bytes().toString('latin1'),
    metrics,
    errors: answers.join('\n'),
    events: JSON.stringify(events),
  };
  const secrets = {
    'an address': person.email,
    'an unknown address': 'canary.nobody@example.org',
    'a broken address': 'canary.broken',
    'a password': person.password,
    'a wrong password': 'canary wrong password',
    'an access token': access.split('.')[2]!,
    'a client token': String(granted.body['access_token']).split('.')[2]!,
    'a refresh token': token,
    'a rotated refresh token': String(rotated.body['refresh_token']),
    'a session token': cookie.split('=')[1]!,
    'a CSRF token': csrf,
    'an API key': key.slice(-43),
    'a client secret': client.secret,
    'a wrong client secret': 'canary wrong secret',
  };
  for (const [place, text] of Object.entries(places)) {
    t.true(text.length > 500, `${place} holds something`);
    for (const [what, secret] of Object.entries(secrets)) {
      t.false(text.includes(secret) || text.includes(encodeURIComponent(secret)), `${what} in ${place}`);
    }
  }
  for (const name of ['auth.login', 'auth.refresh', 'auth.issue_token', 'auth.verify_token', 'auth.api_key']) {
    t.true(places.spans.includes(name), name);
  }
  t.true(metric(metrics, 'volwatch_auth_failures_total', { reason: 'api_key_invalid' }) > 0);
  t.true(metric(metrics, 'volwatch_auth_tokens_total', { format: 'enhanced' }) > 0);
});
