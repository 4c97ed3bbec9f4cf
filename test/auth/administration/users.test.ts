import test from 'ava';
import { eventually, laterSecond } from '#testkit/eventually.ts';
import { ada, auditActions, bearer, openSession, refresh, signedIn, startRoom, type Room } from '../room.ts';

type Headers = Record<string, string>;

const asDesk = async (room: Room, scope = 'users:admin'): Promise<Headers> => {
  const client = { client_id: 'desk', client_secret: 'bootstrap secret' };
  const { body } = await room.form('/auth/token', { grant_type: 'client_credentials', ...client, scope });
  return bearer(body['access_token']);
};

const idOf = async (room: Room, email = ada.email): Promise<string> =>
  String((await room.stored.query('select id from user_account where email = $1', [email]))[0]?.['id']);

const patch = (room: Room, id: string, body: object, by: Headers, version = '*') =>
  room.json(`/users/${id}`, body, { 'If-Match': version, ...by }, 'PATCH');

const quick = { settings: { ownerCacheMs: 50, revocationPollMs: 50 } };
const bob = { ...ada, email: 'bob@example.org' };
const scopesOf = async (room: Room, shown: Headers) => (await room.me(shown)).body['scopes'];

test('an administrator lists users by page, role and state', async (t) => {
  const room = await startRoom(t, quick);
  await signedIn(room);
  await signedIn(room, bob);
  const desk = await asDesk(room);
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
  });
  t.like(second, { email: bob.email, version: 0 });
  t.false(JSON.stringify(all.body).includes('password'));
  const page = await room.call('/users?limit=1&fields=id', { headers: desk });
  t.deepEqual(page.body['data'], [{ id: first?.['id'] }]);
  const cursor = String((page.body['page'] as Record<string, unknown>)['next_cursor']);
  const next = await room.call(`/users?limit=1&cursor=${cursor}`, { headers: desk });
  t.like((next.body['data'] as object[])[0], { email: bob.email });
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
  t.regex(one.headers.get('etag')!, /^"0-[\w-]{27}"$/);
  t.is((await room.call('/users/00000000-0000-7000-8000-000000000000', { headers: desk })).status, 404);
});

test('only users:admin may, and a user without it learns nothing', async (t) => {
  const room = await startRoom(t, quick);
  const { access } = await signedIn(room);
  const id = await idOf(room);
  const others = [bearer(access), await asDesk(room, 'market:refresh ml:read audit:read market:manage')];
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

test('role and scopes take effect on another instance within its cache time, without a new session', async (t) => {
  const room = await startRoom(t, quick);
  const beside = await startRoom(t, { ...quick, beside: room });
  await signedIn(room);
  const session = { cookie: (await openSession(room)).cookie };
  const id = await idOf(room);
  const desk = await asDesk(room);
  t.deepEqual(await scopesOf(beside, session), ['ml:read']);

  const promoted = await patch(room, id, { role: 'analyst' }, desk, '"0"');
  t.is(promoted.status, 200);
  t.like(promoted.body, {
    role: 'analyst',
    scopes: ['ml:read'],
    held_scopes: ['market:refresh', 'ml:read'],
    version: 1,
  });
  t.is(promoted.headers.get('etag'), '"1"');
  await eventually(
    async () => String(await scopesOf(beside, session)) === 'market:refresh,ml:read',
    'the role applies',
  );
  const { access, refresh: refreshToken } = await signedIn(room);
  t.deepEqual(await scopesOf(beside, bearer(access)), ['market:refresh', 'ml:read']);

  t.is((await patch(room, id, { role: 'user', scopes: [] }, desk, '"1"')).status, 200);
  await eventually(async () => String(await scopesOf(beside, bearer(access))) === '', 'the token has lost its scopes');
  t.is((await refresh(beside, refreshToken)).body['scope'], '');
  t.deepEqual(await scopesOf(beside, session), []);
  const events = await room.stored.query(
    `select data, actor_kind from audit_event where action = 'user.changed' order by id`,
  );
  t.like(events[0], { actor_kind: 'client', data: { role: 'analyst', previous_role: 'user' } });
  t.like(events[1], { data: { scopes: [], previous_scopes: ['ml:read'] } });
});

test('If-Match: missing 428, outdated 412, and of two changes at once one wins', async (t) => {
  const room = await startRoom(t, quick);
  await signedIn(room);
  const [id, desk] = [await idOf(room), await asDesk(room)];
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

test('a disabled user loses all credentials and cannot sign in, until enabled', async (t) => {
  const room = await startRoom(t, quick);
  const beside = await startRoom(t, { ...quick, beside: room });
  const { access } = await signedIn(room);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const session = { cookie: (await openSession(room)).cookie };
  const [id, desk] = [await idOf(room), await asDesk(room)];
  const off = await patch(room, id, { disabled: true }, desk);
  t.like(off.body, { disabled: true, held_scopes: [], scopes: ['ml:read'], version: 1 });
  await eventually(async () => (await beside.me(bearer(access))).status === 401, 'the token is refused');
  for (const shown of [session, { 'X-API-Key': String(key.body['key']) }]) t.is((await beside.me(shown)).status, 401);
  t.is((await room.json('/auth/login', ada)).status, 401);
  t.like((await patch(room, id, { disabled: true }, desk)).body, { version: 1 });
  t.like((await patch(room, id, { disabled: false }, desk, '"1"')).body, { disabled: false, version: 2 });
  await laterSecond();
  t.is((await room.me(bearer((await signedIn(room)).access))).status, 200);
  const actions = await auditActions(room);
  t.true(actions.includes('user.disabled') && actions.includes('user.enabled'));
});

test('ended sessions: sessions and tokens end, keys stay, a new sign-in works', async (t) => {
  const room = await startRoom(t, quick);
  const { access, refresh: refreshToken } = await signedIn(room);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const session = { cookie: (await openSession(room)).cookie };
  const ended = await room.json(`/users/${await idOf(room)}/sessions/revoke`, undefined, await asDesk(room));
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
  const room = await startRoom(t, quick);
  await signedIn(room);
  const id = await idOf(room);
  t.is((await room.json(`/users/${id.toUpperCase()}/sessions/revoke`, undefined, await asDesk(room))).status, 200);
  t.deepEqual(await room.stored.query('select owner_id from owner_end'), [{ owner_id: id }]);
});

/** Two users with the role admin, signed in. */
const twoAdministrators = async (room: Room) => {
  const made = [];
  for (const who of [ada, bob]) {
    await signedIn(room, who);
    await room.stored.query(`update user_account set role = 'admin' where email = $1`, [who.email]);
    made.push({ id: await idOf(room, who.email), shown: bearer((await signedIn(room, who)).access) });
  }
  return made as [{ id: string; shown: Headers }, { id: string; shown: Headers }];
};

test('the last administrator cannot be demoted, stripped or disabled', async (t) => {
  const room = await startRoom(t, quick);
  const [first, second] = await twoAdministrators(room);
  t.is((await patch(room, second.id, { disabled: true }, first.shown)).status, 200);
  for (const body of [{ role: 'user' }, { disabled: true }, { role: 'analyst', scopes: ['audit:read'] }]) {
    for (const by of [first.shown, await asDesk(room)]) {
      const refused = await patch(room, first.id, body, by);
      t.is(refused.status, 409, JSON.stringify(body));
      t.like(refused.body, { code: 'last_administrator', category: 'conflict' });
    }
  }
  t.like(await room.stored.query('select role, version from user_account where id = $1', [first.id]), [
    { role: 'admin', version: 0 },
  ]);
  t.true((await auditActions(room)).includes('user.change_refused'));
  const moved = await patch(room, first.id, { role: 'user', scopes: ['users:admin'] }, first.shown);
  t.is(moved.status, 200, 'users:admin of the account counts as well as that of the role');
  t.is((await patch(room, second.id, { disabled: false }, first.shown)).status, 200);
  t.is((await patch(room, first.id, { scopes: [] }, first.shown)).status, 200, 'another one is there again');
});

test('two administrators who demote each other at the same time: one stays', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 60_000 } });
  const beside = await startRoom(t, { settings: { ownerCacheMs: 60_000 }, beside: room });
  for (let round = 0; round < 5; round += 1) {
    const [first, second] = await twoAdministrators(room);
    const answers = await Promise.all([
      patch(room, second.id, { role: 'user' }, first.shown),
      patch(beside, first.id, { role: 'user' }, second.shown),
    ]);
    const [good, refused] = answers.map(({ status }) => status).toSorted((left, right) => left - right);
    t.is(good, 200);
    // 403: the requests did not overlap, and the second came from somebody who was no administrator any more.
    t.true(refused === 409 || refused === 403, String(refused));
    t.is((await room.stored.query(`select 1 from user_account where role = 'admin'`)).length, 1);
  }
});

test('the last administrator cannot ask for the removal of the account; a planned removal is no other administrator', async (t) => {
  const room = await startRoom(t, quick);
  const [first, second] = await twoAdministrators(room);
  const remove = (by: Headers) => room.json('/account', { password: ada.password }, by, 'DELETE');
  t.is((await remove(second.shown)).status, 202);
  const refused = await remove(first.shown);
  t.is(refused.status, 409);
  t.like(refused.body, { code: 'last_administrator' });
  t.is((await room.me(first.shown)).status, 200, 'the sign-ins stay');
  t.is((await room.stored.query('select 1 from user_account where removal_at is not null')).length, 1);
  t.true((await auditActions(room)).includes('user.change_refused'));
});

test('a token whose user is disabled makes no API key, also while the state of its user is cached as enabled', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 60_000, revocationPollMs: 60_000 } });
  const { access } = await signedIn(room);
  const shown = bearer(access);
  const made = await room.json('/api-keys', { name: 'first', scopes: ['ml:read'] }, shown);
  t.is(made.status, 201);
  const desk = await asDesk(room);
  const id = await idOf(room);
  const state = async (disabled: boolean) => t.is((await patch(room, id, { disabled }, desk)).status, 200);

  await state(true);
  const create = () => room.json('/api-keys', { name: 'later', scopes: ['ml:read'] }, shown);
  const refused = await create();
  t.like([refused.status, refused.body['code']], [401, 'credential_owner_gone']);
  await state(false);
  const revoked = await create();
  t.like([revoked.status, revoked.body['code']], [401, 'token_revoked']);
  t.deepEqual(await room.stored.query('select 1 from api_key where revoked_at is null'), []);
});

test('an API key that is made while its user is disabled does not survive', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 60_000, revocationPollMs: 60_000, maxApiKeys: 1_000 } });
  const { access } = await signedIn(room);
  const shown = bearer(access);
  const desk = await asDesk(room);
  const id = await idOf(room);
  const statuses = new Set<number>();
  const maker = async (): Promise<void> => {
    for (let each = 0; each < 15; each += 1) {
      statuses.add((await room.json('/api-keys', { name: 'k', scopes: ['ml:read'] }, shown)).status);
    }
  };
  const makers = [maker(), maker(), maker()];
  await eventually(() => statuses.has(201), 'a key was made');
  t.is((await patch(room, id, { disabled: true }, desk)).status, 200);
  await Promise.all(makers);
  t.is((await room.json('/api-keys', { name: 'k', scopes: ['ml:read'] }, shown)).status, 401);
  t.deepEqual(await room.stored.query('select 1 from api_key where revoked_at is null'), []);
});
