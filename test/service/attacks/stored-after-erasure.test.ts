import test from 'ava';
import { Client } from 'pg';
import { credentialsTurn } from '#src/kernel/ports/owners.ts';
import { newUser } from '#testkit/accounts/new-user.ts';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve } from '#testkit/running-service.ts';
import { startGoogleServer } from '#testkit/servers/google-server.ts';

/** Tables with data of an owner that no foreign key deletes with the account. */
const tables = ['pricing_job', 'idempotency_key', 'calendar_consent'];

test('a request that was let in before the erasure of its user stores nothing after it', async (t) => {
  const database = await setupDatabase(t);
  const google = await startGoogleServer(t);
  const service = await serve(
    t,
    // The service knows the user for a minute, as another instance would for OWNER_CACHE_MS.
    { DATABASE_URL: database.url, OWNER_CACHE_MS: '60000', ...google.environment },
    { startTimeoutMs: 120_000 },
  );
  await service.ready(120_000);
  const api = `${service.url}/api/v1`;
  const { login } = await newUser(api);
  t.is(login.status, 200, login.text);
  const auth = { Authorization: `Bearer ${String(login.body['access_token'])}` };
  t.is((await call(`${api}/auth/me`, { headers: auth })).status, 200);
  const [user] = await database.query('select id from user_account');
  const owner = { kind: 'user', id: String(user!['id']) } as const;
  const requests = () => [
    call(`${api}/pricing/jobs`, json({}, auth)),
    call(`${api}/pricing/jobs`, json({}, { ...auth, 'Idempotency-Key': 'after-the-erasure' })),
    call(`${api}/calendar/connect`, { headers: auth, redirect: 'manual' }),
  ];
  const early = (await Promise.all(requests())).map(({ status }) => status);
  t.deepEqual(early, [201, 201, 302]);

  const erasure = new Client({ connectionString: database.url });
  await erasure.connect();
  t.teardown(() => erasure.end());
  await erasure.query('begin');
  await erasure.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [credentialsTurn(owner)]);
  for (const table of tables) await erasure.query(`delete from ${table}`);
  const late = requests();
  const waiting = `select 1 from pg_locks join pg_database on pg_database.oid = database
    where datname = current_database() and locktype = 'advisory' and not granted`;
  await eventually(
    async () => (await database.query(waiting)).length === late.length,
    'the requests wait for the erasure',
  );
  await erasure.query('delete from user_account');
  await erasure.query('commit');

  for (const { status, body } of await Promise.all(late)) {
    t.is(status, 401);
    t.is(body['code'], 'credential_owner_gone');
  }
  for (const table of tables) t.deepEqual(await database.query(`select 1 from ${table}`), [], table);
});
