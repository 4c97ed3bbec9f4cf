import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { credentialsTurn } from '#src/kernel/ports/owners.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { user } from '#testkit/examples/account-steps.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { call, json, serve } from '#testkit/running-service.ts';

const api = '/api/v1';
type Request = { readonly path?: Record<string, string>; readonly body?: object; readonly type?: string };
type Values = { readonly key: string; readonly webhook: string };

/** Operations with which a user stores or deletes something, or gets a secret of what is stored: a request of each. */
const checked: Readonly<Record<string, (values: Values) => Request>> = {
  'PATCH /profile': () => ({ body: { display_name: 'Mallory' }, type: 'application/merge-patch+json' }),
  'PATCH /settings': () => ({ body: { theme: 'dark' }, type: 'application/merge-patch+json' }),
  'PUT /settings/presets/{name}': () => ({ path: { name: 'late' }, body: { model: 'heston' } }),
  'DELETE /settings/presets/{name}': () => ({ path: { name: 'early' } }),
  'POST /api-keys': () => ({ body: { name: 'late', scopes: ['ml:read'] } }),
  'POST /api-keys/{id}/rotate': ({ key }) => ({ path: { id: key } }),
  'POST /webhooks': () => ({ body: { url: 'http://127.0.0.1:8085/', events: ['refresh.failed'] } }),
  'POST /webhooks/{id}/rotate': ({ webhook }) => ({ path: { id: webhook } }),
  'POST /webhooks/{id}/test': ({ webhook }) => ({ path: { id: webhook } }),
  'DELETE /webhooks/{id}': ({ webhook }) => ({ path: { id: webhook } }),
  'POST /pricing/jobs': () => ({ body: {} }),
};

/** All other operations that are no GET, each with the reason why its transaction does not read the credential again. */
const others: readonly (readonly [operations: RegExp, reason: string])[] = [
  [/^POST \/(pricing\/(?!jobs)|ml\/)/, 'it calculates, and stores nothing'],
  [
    /^\w+ \/(auth|account|users)\//,
    'it makes or ends credentials: these transactions lock the account and read it there',
  ],
  [/^DELETE \/(account|api-keys|calendar)/, 'it ends what is stored'],
  [/^PATCH \/api-keys\/\{id\}$/, 'it takes scopes away, and changes a name'],
  [/^(POST|PUT|DELETE) \/pricing\/jobs\/\{id\}/, 'chunks are parts of a job, and go with it'],
  [/^\w+ \/(universes|refreshes)/, 'the prices and universes are those of the service, and of no owner'],
  [/^POST \/calendar\/sync/, 'events are parts of a connection, and go with it'],
];

test('each operation that stores something for a user reads its credential again under the turn of the owner', async (t) => {
  const stored = await setupDatabase(t);
  const environment = { DATABASE_URL: stored.url, ...generousRateLimits };
  const service = await serve(t, environment, { startTimeoutMs: 90_000 });
  const { unitOfWork, close } = await createDatabase({ ...databaseSettings(stored.url), entities: [], metrics });
  t.teardown(close);
  const send = async (path: string, init: RequestInit) => call(`${service.url}${api}${path}`, init);
  const signIn = async (): Promise<string> =>
    `Bearer ${String((await send('/auth/login', json(user))).body['access_token'])}`;

  const { body: document } = await call(`${service.url}/openapi.json`);
  const operations = Object.entries(document['paths'] as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(api, '')}`),
  );
  const changing = operations.filter((operation) => !operation.startsWith('GET '));
  const isNamed = (operation: string): boolean =>
    operation in checked || others.some(([pattern]) => pattern.test(operation));
  t.deepEqual(
    changing.filter((operation) => !isNamed(operation)),
    [],
    'add them to one of the lists',
  );
  t.deepEqual(
    Object.keys(checked).filter((operation) => !changing.includes(operation)),
    [],
  );

  t.is((await send('/auth/register', json(user))).status, 202);
  const accounts = () => stored.query('select id from user_account');
  await eventually(async () => (await accounts()).length > 0, 'the account is stored');
  const owner = { kind: 'user', id: String((await accounts())[0]!['id']) } as const;
  await stored.query(`update user_account set scopes = '{market:refresh,ml:read}'`);
  const early = { Authorization: await signIn() };
  t.is((await send('/settings/presets/early', { ...json({ model: 'heston' }, early), method: 'PUT' })).status, 201);
  const { body: key } = await send('/api-keys', json({ name: 'early', scopes: ['ml:read'] }, early));
  const { body: webhook } = await send(
    '/webhooks',
    json({ url: 'http://127.0.0.1:8085/', events: ['refresh.failed'] }, early),
  );
  const values = { key: String(key['id']), webhook: String(webhook['id']) };

  for (const [operation, request] of Object.entries(checked)) {
    const { path = {}, body, type = 'application/json' } = request(values);
    const [method = '', template = ''] = operation.split(' ');
    const headers = { Authorization: await signIn(), 'If-Match': '"0"', ...(body && { 'Content-Type': type }) };
    const url = template.replace(/\{(\w+)\}/, (_, name: string) => path[name]!);
    const sent: ReturnType<typeof call>[] = [];
    await unitOfWork.run({ operation: 'account.password' }, async ({ query }) => {
      await takeOwnerTurn(query, credentialsTurn(owner));
      sent.push(send(url, { method, headers, ...(body && { body: JSON.stringify(body) }) }));
      const waiting = `select 1 from pg_locks join pg_database on pg_database.oid = database
        where datname = current_database() and locktype = 'advisory' and not granted`;
      await eventually(async () => (await stored.query(waiting)).length > 0, `${operation} waits for the turn`);
      await query(`insert into revoked_token (token_id, revoked_at, expires_at)
        select access_token_id, now(), access_expires_at from refresh_token on conflict do nothing`);
    });
    const answer = await sent[0]!;
    t.deepEqual([answer.status, answer.body['code']], [401, 'token_revoked'], `${operation}: ${answer.text}`);
  }
});
