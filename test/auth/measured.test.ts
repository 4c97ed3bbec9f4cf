import test from 'ava';
import { ada, bearer, openSession, signedIn, startRoom, type Room } from './room.ts';

const seen = (room: Room, operation: string, outcome: string): number =>
  room.metrics.value('volwatch_auth_duration_seconds', { operation, outcome });

test('keys, hashes, owners and CSRF checks are measured, and a part of an operation is not counted twice', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  t.is(seen(room, 'hash_secret', 'ok'), 1, 'the registration');
  t.is(seen(room, 'verify_secret', 'ok'), 2, 'the registration and the sign-in');
  const made = await room.json('/api-keys', { name: 'nightly', scopes: [] }, bearer(access));
  await room.call('/api-keys', { headers: bearer(access) });
  await room.call(`/api-keys/${String(made.body['id'])}`, { method: 'DELETE', headers: bearer(access) });
  const missing = '/api-keys/00000000-0000-7000-8000-000000000000';
  t.is((await room.call(missing, { method: 'DELETE', headers: bearer(access) })).status, 404);
  for (const operation of ['create_api_key', 'list_api_keys', 'revoke_api_key']) {
    t.is(seen(room, operation, 'ok'), 1, operation);
  }
  t.is(seen(room, 'revoke_api_key', 'refused'), 1);
  t.is(seen(room, 'check_owner', 'ok'), 4, 'once for each request');

  const { cookie, csrf } = await openSession(room);
  const logout = (headers: Record<string, string>) => room.call('/auth/logout', { method: 'POST', headers });
  t.is((await logout({ cookie })).status, 403);
  t.is(seen(room, 'check_csrf', 'refused'), 1);
  t.is((await logout({ cookie, 'X-CSRF-Token': csrf })).status, 204);
  t.is(seen(room, 'check_csrf', 'ok'), 1);

  await room.json('/auth/login', { ...ada, password: 'not the password' });
  t.is(room.metrics.value('volwatch_auth_failures_total', { reason: 'credentials_invalid' }), 1);
  const refused = () => room.metrics.value('volwatch_auth_failures_total');
  const before = refused();
  await room.form('/auth/revoke', { token: 'no.token.atall' });
  t.is(seen(room, 'inspect_token', 'refused'), 1);
  t.is(refused(), before, 'a token in a body that is no token is no failed authentication');
});
