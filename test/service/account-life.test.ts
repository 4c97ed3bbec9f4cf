import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { tokenOfMessage } from '#testkit/examples/token-of-message.ts';
import { call, json, serve } from '#testkit/running-service.ts';

const user = { email: 'life@example.org', password: 'a rather long sentence' };
const next = 'life-2@example.org';

test('an account is opened, verified, moved to another address, exported and removed', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(
    t,
    {
      DATABASE_URL: database.url,
      EMAIL_VERIFICATION: 'required',
      ACCOUNT_REMOVAL_DAYS: '0',
      JOBS_POLL_MS: '500',
    },
    { startTimeoutMs: 120_000 },
  );
  await service.ready(120_000);
  const api = `${service.url}/api/v1`;
  const send = (method: string, path: string, body: unknown, token?: string) =>
    call(`${api}${path}`, { ...json(body, token === undefined ? {} : { Authorization: `Bearer ${token}` }), method });
  const signIn = (email: string) => send('POST', '/auth/login', { email, password: user.password });

  t.is((await send('POST', '/auth/register', user)).status, 202);
  t.is((await signIn(user.email)).status, 401);
  const verification = await tokenOfMessage(service, user.email, 'Confirm your e-mail address');
  t.deepEqual((await send('PUT', '/account/email', { token: verification })).body, { status: 'verified' });
  const { body: signedIn } = await signIn(user.email);
  const access = String(signedIn['access_token']);

  const wanted = { email: next, current_password: user.password };
  t.is((await send('POST', '/account/email', wanted, access)).status, 202);
  const approval = await tokenOfMessage(service, user.email, 'Approve the change of your e-mail address');
  const confirmation = await tokenOfMessage(service, next, 'Confirm your new e-mail address');
  t.deepEqual((await send('PUT', '/account/email', { token: approval })).body, { status: 'waiting' });
  t.like(await send('PUT', '/account/email', { token: confirmation }), { status: 401 });
  t.deepEqual((await send('PUT', '/account/email', { token: confirmation }, access)).body, { status: 'changed' });

  const exported = await call(`${api}/account/export`, { headers: { Authorization: `Bearer ${access}` } });
  t.is(exported.status, 200);
  t.is(exported.headers.get('cache-control'), 'no-store');
  const data = exported.body['data'] as Record<string, Record<string, unknown>[]>;
  t.like(data['user_account'], { 0: { email: next }, length: 1 });
  t.true(data['audit_event']!.some(({ action }) => action === 'user.email_changed'));
  t.is((await call(`${api}/account/export`)).status, 401);

  const removed = await send('DELETE', '/account', { password: user.password }, access);
  t.is(removed.status, 202);
  t.deepEqual(removed.body, { removal_on: new Date().toISOString().slice(0, 10) });
  await database.query(`insert into pgboss.job (name, retry_limit, data) values ('retention', 0, '{}')`);
  await eventually(
    async () => (await database.query('select 1 from user_account')).length === 0,
    'the account is removed',
    30_000,
  );
  t.is((await signIn(next)).status, 401);
  const log = JSON.stringify(service.log);
  for (const secret of [user.email, next, verification, approval, confirmation]) t.false(log.includes(secret));
});
