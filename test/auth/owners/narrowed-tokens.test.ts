import test from 'ava';
import { createAccountsRoutes } from '#src/accounts/account-routes.ts';
import { createPresetRoutes } from '#src/accounts/presets/preset-routes.ts';
import { defineRoute, managesAccount } from '#src/kernel/requests/route.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { compileRoute } from '#src/http/routing/compiled-route.ts';
import { presetValues } from '#src/pricing/index.ts';
import { ada, bearer, openSession, refresh, signedIn, startRoom, type Room, type RoomOptions } from '../room.ts';

const password = { current_password: ada.password };
/** Each change that a user can make to the own account, with a body that is accepted. */
const changes: readonly (readonly [string, string, unknown?])[] = [
  ['POST', '/api-keys', { name: 'k', scopes: ['ml:read'] }],
  ['PATCH', '/api-keys/00000000-0000-0000-0000-000000000000', { name: 'k' }],
  ['POST', '/api-keys/00000000-0000-0000-0000-000000000000/rotate'],
  ['DELETE', '/api-keys/00000000-0000-0000-0000-000000000000'],
  ['DELETE', '/account/sessions'],
  ['DELETE', '/account/sessions/00000000-0000-0000-0000-000000000000'],
  ['POST', '/account/password', { ...password, new_password: 'another rather long sentence' }],
  ['POST', '/account/email', { ...password, email: 'other@example.org' }],
  ['DELETE', '/account', { password: ada.password }],
  ['POST', '/account/totp'],
  ['PUT', '/account/totp', { code: '123456' }],
  ['DELETE', '/account/totp'],
];
/** Changes of documents, which programs make too. */
const documents: typeof changes = [
  ['PATCH', '/profile', { display_name: 'Ada' }],
  ['PATCH', '/settings', { default_model: 'baw' }],
];

const options: RoomOptions = {
  settings: { ownerCacheMs: 0, revocationPollMs: 50 },
  moreRoutes: (parts) => [
    ...createAccountsRoutes({ ...parts, logger: silentLogger }),
    ...createPresetRoutes({
      ...parts,
      cursors: createCursors({ secret: 'secret' }),
      basePath: '',
      maxPresets: 5,
      forget: () => {},
      values: presetValues,
    }),
  ],
};

const send = (room: Room, [method, path, body]: (typeof changes)[number], headers: Record<string, string>) =>
  room.json(path, body, { 'If-Match': '*', ...headers }, method);

/** Ada holds two scopes. @returns a token with one of them, and one with both */
const tokensOf = async (room: Room) => {
  await room.json('/auth/register', ada);
  await room.stored.query(`update user_account set scopes = '{ml:read,market:refresh}'`);
  const { access, refresh: own } = await signedIn(room);
  const { body } = await refresh(room, own, { scope: 'ml:read' });
  return { narrowed: bearer(body['access_token']), whole: bearer(access) };
};

test('a token with fewer scopes than its owner changes nothing of the account', async (t) => {
  const room = await startRoom(t, options);
  const { narrowed } = await tokensOf(room);
  const before = await room.stored.query('select * from user_account');
  for (const change of changes) {
    const { status, body, headers } = await send(room, change, narrowed);
    t.is(status, 403, `${change[0]} ${change[1]}`);
    t.is(body['code'], 'scope_insufficient');
    t.regex(String(body['detail']), /fewer scopes than its user holds/);
    t.regex(String(headers.get('www-authenticate')), /insufficient_scope.*scope="market:refresh"/);
  }
  t.deepEqual(await room.stored.query('select * from user_account'), before);
  t.deepEqual(await room.stored.query('select 1 from api_key'), []);
});

test('a token with fewer scopes than its owner reads what is its own, changes documents, and can be ended with itself', async (t) => {
  const room = await startRoom(t, options);
  const { narrowed } = await tokensOf(room);
  for (const path of [
    '/profile',
    '/settings',
    '/settings/presets',
    '/api-keys',
    '/account/sessions',
    '/account/totp',
  ]) {
    t.is((await room.call(path, { headers: narrowed })).status, 200, path);
  }
  for (const change of documents) t.is((await send(room, change, narrowed)).status, 200, change[1]);
  t.is((await room.call('/auth/logout', { method: 'POST', headers: narrowed })).status, 204);
  t.is((await room.me(narrowed)).status, 401);
});

test('a token that was not narrowed manages the account, also when its user gets or loses a scope; a narrowed one never does', async (t) => {
  const room = await startRoom(t, options);
  const { whole, narrowed } = await tokensOf(room);
  const { cookie, csrf } = await openSession(room);
  const session = { Cookie: cookie, 'X-CSRF-Token': csrf };
  const key: (typeof changes)[number] = ['POST', '/api-keys', { name: 'k', scopes: ['ml:read'] }];
  t.is((await send(room, key, whole)).status, 201);
  t.is((await send(room, key, session)).status, 201);
  await room.stored.query(`update user_account set scopes = '{ml:read}'`);
  t.is((await send(room, key, whole)).status, 201, 'its user has lost a scope');
  t.is((await send(room, key, narrowed)).status, 403, 'it has all scopes that are left');
  await room.stored.query(`update user_account set scopes = '{ml:read,market:refresh,audit:read}'`);
  t.is((await send(room, key, whole)).status, 201, 'its user has got a scope');
  t.is((await send(room, key, session)).status, 201);
});

test('a change that says nothing about narrowed tokens lets the start fail', (t) => {
  const declared = (auth: 'authenticated' | 'program' | 'account', storesOnGet?: true) =>
    defineRoute({
      ...(storesOnGet ? { method: 'GET', storesOnGet } : { method: 'POST' }),
      path: '/x',
      tag: 'test',
      summary: 'For tests',
      auth,
      rateLimit: 'none',
      load: 'none',
      request: {},
      responses: { 204: null },
      errors: [],
      handler: async () => ({ status: 204 as const, body: null }),
    });
  const compile = (...of: Parameters<typeof declared>) =>
    compileRoute(declared(...of), '/x', { unknownQuery: 'refuse' });
  t.throws(() => compile('authenticated'), { message: /POST \/x changes something: its auth must be account/ });
  t.throws(() => compile('authenticated', true), { message: /GET \/x changes something/ });
  t.notThrows(() => [compile('program'), compile('account', true)]);
});

test('the list of this test has each route of the room that manages an account', async (t) => {
  const room = await startRoom(t, options);
  const routes = room.auth.routes
    .filter(({ auth }) => managesAccount(auth))
    .map(({ method, path }) => `${method} ${path}`);
  const tried = new Set(changes.map(([method, path]) => `${method} ${path.replace(/0[0-9-]{35}/, '{id}')}`));
  t.deepEqual(
    routes.filter((route) => !tried.has(route)),
    [],
  );
});
