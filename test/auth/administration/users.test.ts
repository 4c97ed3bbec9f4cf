import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { ada, bearer, openSession, quickCaches, refresh, signedIn, startRoom, type Room } from '../room.ts';
import { bob, idOf, patch, tokenOfClient, type Credentials } from './users.ts';

const scopesOf = async (room: Room, credentials: Credentials) => (await room.me(credentials)).body['scopes'];

test('an administrator lists users by page, role and state', async (t) => {
  const room = await startRoom(t, quickCaches);
  await signedIn(room);
  await signedIn(room, bob);
  const desk = await tokenOfClient(room);
  const all = await room.call('/users', { headers: desk });
  t.is(all.status, 200);
  const [first, second] = all.body['data'] as Record<string, unknown>[];
  t.like(first, {
    email: ada.email,
    role: 'user',
    scopes: ['ml:read'],
    held_scopes: ['ml:read'],
    disabled: false,
    second_factor: false,
    email_verified: false,
    contested: false,
  });
  t.like(second, { email: bob.email, version: 0 });
  t.false(JSON.stringify(all.body).includes('password'));
  const page = await room.call('/users?limit=1&fields=id', { headers: desk });
  t.deepEqual(page.body['data'], [{ id: first?.['id'] }]);
  const cursor = String((page.body['page'] as Record<string, unknown>)['next_cursor']);
  const next = await room.call(`/users?limit=1&cursor=${cursor}`, { headers: desk });
  t.like((next.body['data'] as object[])[0], { email: bob.email });
  // A cursor belongs to the filter of the list that gave it.
  t.is((await room.call(`/users?limit=1&role=admin&cursor=${cursor}`, { headers: desk })).status, 422);
  await patch(room, String(second?.['id']), { role: 'admin', disabled: true }, desk);
  const emails = async (query: string) =>
    ((await room.call(`/users?${query}`, { headers: desk })).body['data'] as { email: string }[]).map(
      ({ email }) => email,
    );
  t.deepEqual(await emails('role=admin'), [bob.email]);
  t.deepEqual(await emails('disabled=false'), [ada.email]);
  t.deepEqual(await emails('disabled=true&role=user'), []);
  const one = await room.call(`/users/${String(first?.['id'])}`, { headers: desk });
  t.like(one.body, { email: ada.email, version: 0 });
  // The version, and a digest of the answer in 27 characters (docs/decisions/0262-an-entity-tag-names-one-answer.md).
  t.regex(one.headers.get('etag')!, /^"0-[\w-]{27}"$/);
  t.is((await room.call('/users/00000000-0000-7000-8000-000000000000', { headers: desk })).status, 404);
});

test('an account whose address nobody has proved gets no rights where mail is sent, and a contested one never', async (t) => {
  for (const verifiedForSecondFactor of [true, false]) {
    const room = await startRoom(t, { settings: { ...quickCaches.settings, verifiedForSecondFactor } });
    const desk = await tokenOfClient(room);
    await signedIn(room);
    const id = await idOf(room);
    const give = async (changes: object) => (await patch(room, id, changes, desk)).status;
    t.is(await give({ role: 'analyst' }), verifiedForSecondFactor ? 409 : 200);
    await room.json('/auth/register', { ...ada, password: 'a sentence of another person' });
    t.like((await room.call(`/users/${id}`, { headers: desk })).body, { email_verified: false, contested: true });
    for (const changes of [{ role: 'admin' }, { scopes: ['ml:read', 'audit:read'] }]) {
      t.like(await patch(room, id, changes, desk), { status: 409, body: { code: 'email_not_verified' } });
    }
    t.is(await give({ scopes: [], role: 'user' }), 200, 'rights can be taken');
    t.is(await give({ disabled: true }), 200);
    t.like(await patch(room, id, { role: 'admin', disabled: false }, desk), { status: 409 });
    await room.stored.query('update user_account set legacy_id = 7');
    t.is(await give({ role: 'admin' }), 200, 'an operator has imported it');
    await room.stored.query('update user_account set legacy_id = null, email_verified_at = now()');
    t.is(await give({ scopes: ['audit:read'] }), 200);
  }
});

test('only a holder of users:admin may read or change users', async (t) => {
  const room = await startRoom(t, quickCaches);
  const { access } = await signedIn(room);
  const id = await idOf(room);
  const others = [bearer(access), await tokenOfClient(room, 'market:refresh ml:read audit:read market:manage')];
  for (const by of others) {
    for (const answer of [
      await room.call('/users', { headers: by }),
      await room.call(`/users/${id}`, { headers: by }),
      await patch(room, id, { role: 'admin' }, by),
      await room.json(`/users/${id}/sessions/revoke`, undefined, by),
    ]) {
      t.is(answer.status, 403);
      t.like(answer.body, { code: 'scope_insufficient' });
    }
  }
  t.is((await room.call('/users')).status, 401);
});

test('a changed role and changed scopes take effect on a second instance within its cache time, without a new session', async (t) => {
  const room = await startRoom(t, quickCaches);
  const secondInstance = await startRoom(t, { ...quickCaches, beside: room });
  await signedIn(room);
  const session = { cookie: (await openSession(room)).cookie };
  const id = await idOf(room);
  const desk = await tokenOfClient(room);
  t.deepEqual(await scopesOf(secondInstance, session), ['ml:read']);

  const promoted = await patch(room, id, { role: 'analyst' }, desk, '"0"');
  t.is(promoted.status, 200);
  t.like(promoted.body, {
    role: 'analyst',
    scopes: ['ml:read'],
    held_scopes: ['market:refresh', 'ml:read'],
    version: 1,
  });
  // The answer of a change has the tag of its version without a digest (the same decision 0262).
  t.is(promoted.headers.get('etag'), '"1"');
  await eventually(
    async () => String(await scopesOf(secondInstance, session)) === 'market:refresh,ml:read',
    'the role applies',
  );
  const { access, refresh: refreshToken } = await signedIn(room);
  t.deepEqual(await scopesOf(secondInstance, bearer(access)), ['market:refresh', 'ml:read']);

  t.is((await patch(room, id, { role: 'user', scopes: [] }, desk, '"1"')).status, 200);
  await eventually(
    async () => String(await scopesOf(secondInstance, bearer(access))) === '',
    'the token has lost its scopes',
  );
  t.is((await refresh(secondInstance, refreshToken)).body['scope'], '');
  t.deepEqual(await scopesOf(secondInstance, session), []);
  const events = await room.stored.query(
    `select data, actor_kind from audit_event where action = 'user.changed' order by id`,
  );
  t.like(events[0], { actor_kind: 'client', data: { role: 'analyst', previous_role: 'user' } });
  t.like(events[1], { data: { scopes: [], previous_scopes: ['ml:read'] } });
});

test('a change without If-Match gets 428, an outdated one 412, and of two simultaneous changes one succeeds', async (t) => {
  const room = await startRoom(t, quickCaches);
  await signedIn(room);
  const [id, desk] = [await idOf(room), await tokenOfClient(room)];
  t.like((await room.json(`/users/${id}`, { role: 'admin' }, desk, 'PATCH')).body, { code: 'precondition_required' });
  const both = await Promise.all([
    patch(room, id, { role: 'analyst' }, desk, '"0"'),
    patch(room, id, { scopes: ['audit:read'] }, desk, '"0"'),
  ]);
  t.deepEqual(
    both.map(({ status }) => status).toSorted((left, right) => left - right),
    [200, 412],
  );
  const unchanged = await patch(room, id, {}, desk);
  t.like(unchanged.body, { version: 1 });
  for (const body of [
    { role: 'nobody' },
    { scopes: ['root'] },
    { scopes: 'ml:read' },
    { disabled: 1 },
    { email: 'x' },
  ]) {
    t.is((await patch(room, id, body, desk)).status, 422, JSON.stringify(body));
  }
  const missing = await patch(room, '00000000-0000-7000-8000-000000000000', { role: 'admin' }, desk);
  t.like(missing.body, { code: 'resource_not_found' });
});
