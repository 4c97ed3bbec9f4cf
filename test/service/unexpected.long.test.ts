import test from 'ava';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { call, metric, scrape, serve, type Answer } from '#testkit/running-service.ts';

const secretText = 'what-only-the-server-knows';

/** Nothing in the error table fits a value that cannot be converted: that is a mistake, the service's own or the schema's. */
const breakReads = async (database: TestDatabase): Promise<void> => {
  await database.query('alter table asset rename to asset_kept');
  await database.query(`create view asset as select * from asset_kept where ('${secretText}' || symbol)::int = 1`);
};

/** The same for the clients that can get a token. */
const breakClients = async (database: TestDatabase): Promise<void> => {
  await database.query(
    `insert into oauth_client (id, name, secret_hash, scopes, created_at) values ('other', 'Other', 'x', '{}', now())`,
  );
  await database.query('alter table oauth_client rename to oauth_client_kept');
  await database.query(
    `create view oauth_client as select * from oauth_client_kept where ('${secretText}' || id)::int = 1`,
  );
};

const unexpectedIn = async (answer: Answer) => ({
  status: answer.status,
  code: answer.body['code'],
  category: answer.body['category'],
  retryAfter: answer.headers.get('retry-after'),
});
const internal = { status: 500, code: 'internal_error', category: 'internal', retryAfter: null };

for (const NODE_ENV of ['production', 'development'] as const) {
  test(`an unexpected error, NODE_ENV=${NODE_ENV}`, async (t) => {
    const database = await setupDatabase(t);
    const production = NODE_ENV === 'production';
    const service = await serve(t, {
      NODE_ENV,
      DATABASE_URL: database.url,
      ...(production && { FAULT_INJECTION: undefined, REDIS_URL: 'redis://127.0.0.1:1' }),
    });
    await service.logged(({ message }) => message === 'started');
    await breakReads(database);

    const answer = await call(`${service.url}/api/v1/assets`);
    t.deepEqual(await unexpectedIn(answer), internal);
    if (production) {
      t.is(answer.body['detail'], 'An unexpected error occurred');
      t.false('stack' in answer.body);
      t.false(answer.text.includes(secretText));
      t.regex(answer.headers.get('strict-transport-security') ?? '', /max-age=\d{8}/);
    } else {
      t.regex(String(answer.body['detail']), /invalid input syntax for type integer/);
      t.regex(String(answer.body['stack']), /\n\s+at .*\.ts:\d+/);
    }
    // The line of this request. Background work that meets the same fault has lines of its own.
    const traceId = answer.headers.get('x-trace-id');
    const line = await service.logged(({ code, trace_id: id }) => code === 'internal_error' && id === traceId);
    t.is(line.level, 'error');
    t.regex(String((line['error'] as Record<string, unknown>)['stack']), /\.ts:\d+/);
    t.false(JSON.stringify(service.log).includes(secretText));
    const labels = { category: 'internal', code: 'internal_error', http_route: '/api/v1/assets' };
    t.is(metric(await scrape(service), 'volwatch_errors_total', labels), 1);

    // The class of a fault of the authentication service is shown outside production only.
    await breakClients(database);
    const refused = await call(`${service.url}/api/v1/auth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'other', client_secret: 'a secret' }),
    });
    t.like(refused.body, { status: 500, code: 'auth_service_error', error: 'server_error' });
    const named = production
      ? 'The authentication service failed'
      : 'The authentication service failed (DatabaseError)';
    t.is(refused.body['detail'], named);
    t.is('stack' in refused.body, !production);
    t.false(JSON.stringify(service.log).includes(secretText));

    // The path of a request that no route has keeps the words of routes alone.
    const token = 'k3y'.repeat(12);
    await call(`${service.url}/api/v0/assets/${token}/ada%40example.org?key=${token}`);
    const unmatched = await service.logged(({ route, status }) => route === 'unmatched' && status === 404);
    t.is(unmatched['path'], '/api/[redacted]/assets/[redacted]/[redacted]');
    t.false(JSON.stringify(service.log).includes(token));

    // A table that is not there is a deployment's fault with a code of its own.
    await database.query('drop view asset');
    const outdated = await call(`${service.url}/api/v1/assets`);
    t.like(outdated.body, { status: 503, code: 'database_schema_outdated', category: 'database' });
    t.is((await call(`${service.url}/api/v1/indexes/TECH5_EW/values`)).status, 200);
    t.is(await service.stop(), 0);
  });
}

test('a response that breaks its schema, in production: it is sent, counted and logged', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, {
    NODE_ENV: 'production',
    FAULT_INJECTION: undefined,
    REDIS_URL: 'redis://127.0.0.1:1',
    DATABASE_URL: database.url,
    RESPONSE_VALIDATION_PERCENT: '100',
  });
  await service.logged(({ message }) => message === 'started');
  await database.query('alter table asset rename to asset_kept');
  await database.query(
    `create view asset as select id, symbol, null::text as name, exchange, currency from asset_kept`,
  );
  const list = await call(`${service.url}/api/v1/assets`);
  t.is(list.status, 200);
  t.is((list.body['data'] as { name: unknown }[])[0]?.name, null);
  const line = await service.logged(({ message }) => message === 'a response breaks its schema');
  t.like(line, { level: 'error', code: 'internal_error', category: 'internal', route: '/api/v1/assets' });
  t.regex(JSON.stringify(line['err']), /response schema: \/data\/0\/name: /);
  const labels = { category: 'internal', code: 'internal_error', http_route: '/api/v1/assets' };
  t.is(metric(await scrape(service), 'volwatch_errors_total', labels), 1);
});
