import test from 'ava';
import { eventually, laterSecond } from '#testkit/eventually.ts';
import { ada, auditActions, bearer, openSession, quickCaches, refresh, signedIn, startRoom } from '../room.ts';
import { idOf, patch, tokenOfClient } from './users.ts';

test('a disabled user loses all credentials and cannot sign in until the user is enabled', async (t) => {
  const room = await startRoom(t, quickCaches);
  const secondInstance = await startRoom(t, { ...quickCaches, beside: room });
  const { access } = await signedIn(room);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const session = { cookie: (await openSession(room)).cookie };
  const [id, desk] = [await idOf(room), await tokenOfClient(room)];
  const off = await patch(room, id, { disabled: true }, desk);
  t.like(off.body, { disabled: true, held_scopes: [], scopes: ['ml:read'], version: 1 });
  await eventually(async () => (await secondInstance.me(bearer(access))).status === 401, 'the token is refused');
  for (const credentials of [session, { 'X-API-Key': String(key.body['key']) }]) {
    t.is((await secondInstance.me(credentials)).status, 401);
  }
  t.is((await room.json('/auth/login', ada)).status, 401);
  t.like((await patch(room, id, { disabled: true }, desk)).body, { version: 1 });
  t.like((await patch(room, id, { disabled: false }, desk, '"1"')).body, { disabled: false, version: 2 });
  await laterSecond();
  t.is((await room.me(bearer((await signedIn(room)).access))).status, 200);
  const actions = await auditActions(room);
  t.true(actions.includes('user.disabled'));
  t.true(actions.includes('user.enabled'));
});

test('an administrator ends the sessions and tokens of a user, whose keys stay and who can sign in again', async (t) => {
  const room = await startRoom(t, quickCaches);
  const { access, refresh: refreshToken } = await signedIn(room);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const session = { cookie: (await openSession(room)).cookie };
  const ended = await room.json(`/users/${await idOf(room)}/sessions/revoke`, undefined, await tokenOfClient(room));
  t.is(ended.status, 200);
  t.deepEqual(ended.body, { sessions: 1, refresh_families: 1 });
  await eventually(
    async () => (await room.me(bearer(access))).body['code'] === 'token_revoked',
    'the token is refused',
  );
  t.is((await room.me(session)).status, 401);
  t.is((await refresh(room, refreshToken)).status, 400);
  t.is((await room.me({ 'X-API-Key': String(key.body['key']) })).status, 200);
  await laterSecond();
  t.is((await room.me(bearer((await signedIn(room)).access))).status, 200);
});

test('an id in capital letters ends the tokens of the same user', async (t) => {
  const room = await startRoom(t, quickCaches);
  await signedIn(room);
  const id = await idOf(room);
  t.is(
    (await room.json(`/users/${id.toUpperCase()}/sessions/revoke`, undefined, await tokenOfClient(room))).status,
    200,
  );
  t.deepEqual(await room.stored.query('select owner_id from owner_end'), [{ owner_id: id }]);
});

test('a token whose user is disabled makes no API key, also while the state of its user is cached as enabled', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 60_000, revocationPollMs: 60_000 } });
  const { access } = await signedIn(room);
  const credentials = bearer(access);
  const made = await room.json('/api-keys', { name: 'first', scopes: ['ml:read'] }, credentials);
  t.is(made.status, 201);
  const desk = await tokenOfClient(room);
  const id = await idOf(room);
  const setDisabled = async (disabled: boolean) => t.is((await patch(room, id, { disabled }, desk)).status, 200);

  await setDisabled(true);
  const create = () => room.json('/api-keys', { name: 'later', scopes: ['ml:read'] }, credentials);
  // A disabled owner is refused first. After `enable` the owner holds scopes again, but the earlier tokens stay ended.
  const refused = await create();
  t.like([refused.status, refused.body['code']], [401, 'credential_owner_gone']);
  await setDisabled(false);
  const revoked = await create();
  t.like([revoked.status, revoked.body['code']], [401, 'token_revoked']);
  t.deepEqual(await room.stored.query('select 1 from api_key where revoked_at is null'), []);
});

test('an API key that is made while its user is disabled does not survive', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 60_000, revocationPollMs: 60_000, maxApiKeys: 1_000 } });
  const { access } = await signedIn(room);
  const credentials = bearer(access);
  const desk = await tokenOfClient(room);
  const id = await idOf(room);
  const statuses = new Set<number>();
  const maker = async (): Promise<void> => {
    for (let each = 0; each < 15; each += 1) {
      statuses.add((await room.json('/api-keys', { name: 'k', scopes: ['ml:read'] }, credentials)).status);
    }
  };
  const makers = [maker(), maker(), maker()];
  await eventually(() => statuses.has(201), 'a key was made');
  t.is((await patch(room, id, { disabled: true }, desk)).status, 200);
  await Promise.all(makers);
  t.is((await room.json('/api-keys', { name: 'k', scopes: ['ml:read'] }, credentials)).status, 401);
  t.deepEqual(await room.stored.query('select 1 from api_key where revoked_at is null'), []);
});
