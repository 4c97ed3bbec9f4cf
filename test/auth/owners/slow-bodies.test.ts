import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { authenticator } from '../second-factor/second-factor-setup.ts';
import { ada, auditActions, bearer, openSession, signedIn, startRoom, type Room } from '../room.ts';

const noCache = { settings: { ownerCacheMs: 0, revocationPollMs: 50 } };

/** Sends the head and the first byte of a request. @returns a function that sends the rest, and waits for the answer */
const begin = async (room: Room, method: string, path: string, body: unknown, headers: Record<string, string>) => {
  const bytes = Buffer.from(JSON.stringify(body));
  const open = request(new URL(`${room.url}${path}`), {
    method,
    headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': bytes.length },
  });
  const checks = () => room.metrics.value('volwatch_auth_duration_seconds', { operation: 'check_owner' });
  const before = checks();
  open.write(bytes.subarray(0, 1));
  await eventually(() => checks() > before, 'the service has the head, and has checked the caller');
  return async () => {
    open.end(bytes.subarray(1));
    const [response] = await once(open, 'response');
    response.resume();
    return Number(response.statusCode);
  };
};
/** The time after which a caller is checked again. */
const untilChecked = () => sleep(1_000);

test('a disabled administrator whose request began before grants nothing', async (t) => {
  const room = await startRoom(t, noCache);
  await signedIn(room, { email: 'friend@example.org', password: ada.password });
  const [friend] = await room.stored.query('select id from user_account');
  await room.json('/auth/register', ada);
  await room.stored.query(`update user_account set scopes = '{ml:read,users:admin}' where email = $1`, [ada.email]);
  const { access } = await signedIn(room);
  const path = `/users/${String(friend?.['id'])}`;
  const grant = { scopes: ['ml:read', 'users:admin'] };
  const finish = await begin(room, 'PATCH', path, grant, { ...bearer(access), 'If-Match': '*' });
  await room.stored.query(
    `insert into owner_end select 'user', id::text, 'disabled', now() from user_account where email = $1`,
    [ada.email],
  );
  await untilChecked();
  t.is(await finish(), 401);
  const [after] = await room.stored.query('select scopes from user_account where id = $1', [friend?.['id']]);
  t.deepEqual(after?.['scopes'], ['ml:read']);
});

test('a scope that was taken away while the body arrived is not used', async (t) => {
  const room = await startRoom(t, noCache);
  await room.json('/auth/register', ada);
  await room.stored.query(`update user_account set scopes = '{ml:read,users:admin}'`);
  const { access } = await signedIn(room);
  const [own] = await room.stored.query('select id from user_account');
  const finish = await begin(room, 'PATCH', `/users/${String(own?.['id'])}`, { role: 'user' }, bearer(access));
  await room.stored.query(`update user_account set scopes = '{ml:read}'`);
  await untilChecked();
  t.is(await finish(), 403);
});

test('a token that was ended while the body arrived enables no second factor', async (t) => {
  const room = await startRoom(t, noCache);
  const { access } = await signedIn(room);
  const uri = String((await room.json('/account/totp', undefined, bearer(access))).body['uri']);
  const finish = await begin(room, 'PUT', '/account/totp', { code: authenticator(uri)() }, bearer(access));
  const other = await signedIn(room);
  const ended = await room.call('/account/sessions', { method: 'DELETE', headers: bearer(other.access) });
  t.is(ended.status, 204);
  t.deepEqual(await room.stored.query('select 1 from user_second_factor'), [], 'the secret went with the sign-in');
  await untilChecked();
  t.is(await finish(), 401);
  t.false((await auditActions(room)).includes('user.second_factor_enabled'));
});

test('a sign-in with the session cookie of somebody else ends that session with an event of its user', async (t) => {
  const room = await startRoom(t, noCache);
  await room.json('/auth/register', ada);
  const { cookie } = await openSession(room);
  const mallory = { email: 'mallory@example.org', password: ada.password };
  await room.json('/auth/register', mallory);
  t.is((await openSession(room, mallory, { cookie })).answer.status, 200);
  t.is((await room.me({ cookie })).status, 401);
  const [own] = await room.stored.query('select id from user_account where email = $1', [ada.email]);
  const events = await room.stored.query('select action from audit_event where stream = $1 order by sequence', [
    `user:${String(own?.['id'])}`,
  ]);
  t.is(events.at(-1)?.['action'], 'user.signed_out');
});

test('the end of all sign-ins ends a waiting change of the address with its tokens, and no reset of the password', async (t) => {
  const room = await startRoom(t, noCache);
  const { access } = await signedIn(room);
  await room.stored.query(
    `insert into email_change (user_id, new_email, created_at, expires_at)
     select id, 'mallory@example.org', now(), now() + interval '1 day' from user_account`,
  );
  await room.stored.query(
    `insert into account_token (token_hash, user_id, purpose, email, created_at, expires_at)
     select convert_to(purpose, 'UTF8'), id, purpose, email, now(), now() + interval '1 day'
     from user_account, unnest(array['password_reset', 'email_change', 'email_verification']) as purpose`,
  );
  t.is((await room.call('/account/sessions', { method: 'DELETE', headers: bearer(access) })).status, 204);
  t.deepEqual(await room.stored.query('select 1 from email_change'), []);
  t.deepEqual(await room.stored.query('select purpose from account_token order by purpose'), [
    { purpose: 'email_verification' },
    { purpose: 'password_reset' },
  ]);
});
