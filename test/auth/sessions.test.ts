import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { ada, auditActions, bearer, openSession, signedIn, startRoom } from './room.ts';

test('a session is a strict __Host- cookie, known by its digest only', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const { answer, cookie, csrf } = await openSession(room);
  t.is(answer.status, 200);
  t.deepEqual(Object.keys(answer.body).sort(), ['csrf_token', 'expires_in', 'scope']);
  t.regex(
    answer.headers.get('set-cookie') ?? '',
    /^__Host-session=vws_[\w-]{43}; Path=\/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict$/,
  );
  t.is(answer.headers.get('cache-control'), 'no-store');
  const me = await room.me({ cookie: `theme=dark; ${cookie}; other=1` });
  t.like(me.body, { kind: 'user', email: ada.email, role: 'user', scopes: ['ml:read'], csrf_token: csrf });
  t.is(me.body['token_format'], undefined);
  const rows = JSON.stringify(
    await room.stored.query('select *, encode(token_hash, $1) as e from user_session', ['escape']),
  );
  t.false(rows.includes(cookie.split('=')[1]!));
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'session', outcome: 'ok' }), 1);
});

test('each sign-in has a session of its own, and ends the one it came with', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const first = await openSession(room);
  const fixed = { cookie: `__Host-session=vws_${'A'.repeat(43)}` };
  const second = await openSession(room, ada, fixed);
  t.not(second.cookie, fixed.cookie);
  const third = await openSession(room, ada, { cookie: first.cookie });
  t.is((await room.me({ cookie: first.cookie })).status, 401);
  for (const { cookie } of [second, third]) t.is((await room.me({ cookie })).status, 200);
});

test('logout ends the session, clears the cookie and leaves other sessions alone', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const [one, two] = [await openSession(room), await openSession(room)];
  const headers = { cookie: one.cookie, 'X-CSRF-Token': one.csrf };
  const answer = await room.call('/auth/logout', { method: 'POST', headers });
  t.is(answer.status, 204);
  t.regex(answer.headers.get('set-cookie') ?? '', /^__Host-session=; .*Max-Age=0/);
  t.is(answer.headers.get('clear-site-data'), '"cache", "storage"');
  const gone = await room.me({ cookie: one.cookie });
  t.is(gone.status, 401);
  t.is(gone.body['code'], 'credentials_missing');
  t.is((await room.me({ cookie: two.cookie })).status, 200);
});

test('a session ends when idle, and in any case with its time; what ended is deleted', async (t) => {
  const room = await startRoom(t, { settings: { sessionSeconds: 7_200, sessionIdleSeconds: 3_600, usageFlushMs: 20 } });
  await signedIn(room);
  const [idle, busy] = [await openSession(room), await openSession(room)];
  const seen = async () => (await room.stored.query('select max(seen_at) as at from user_session'))[0]?.['at'];
  for (const seconds of [3_000, 3_000]) {
    room.advance(seconds);
    const before = await seen();
    t.is((await room.me({ cookie: busy.cookie })).status, 200);
    await eventually(async () => String(await seen()) !== String(before), 'the use of the session is stored');
  }
  t.is((await room.me({ cookie: idle.cookie })).status, 401);
  t.is((await room.me({ cookie: busy.cookie })).status, 200);
  room.advance(1_300);
  t.is((await room.me({ cookie: busy.cookie })).status, 401);
  await room.auth.cleanUp();
  t.deepEqual(await room.stored.query('select 1 from user_session'), []);
});

test('a cookie that names no session is no credential', async (t) => {
  const room = await startRoom(t);
  const cookies = {
    'an unknown token': `__Host-session=vws_${'A'.repeat(43)}`,
    'an empty one': '__Host-session=',
    rubbish: '__Host-session=%00%27',
    'the name without the prefix': `session=vws_${'A'.repeat(43)}`,
  };
  for (const [what, cookie] of Object.entries(cookies)) {
    const answer = await room.me({ cookie });
    t.is(answer.status, 401, what);
    t.is(answer.body['code'], 'credentials_missing', what);
  }
});

const own = 'https://api.volwatch.test';
const app = 'https://app.volwatch.test';
const evil = 'https://evil.example';
const cases: [string, Record<string, string>, 'token' | 'none' | 'foreign token' | 'altered', number][] = [
  ['the token', {}, 'token', 201],
  ['no token', {}, 'none', 403],
  ["another session's token", {}, 'foreign token', 403],
  ['an altered token', {}, 'altered', 403],
  ['the token, same origin', { 'Sec-Fetch-Site': 'same-origin' }, 'token', 201],
  ['no token, same origin', { 'Sec-Fetch-Site': 'same-origin' }, 'none', 403],
  ['the token, by hand', { 'Sec-Fetch-Site': 'none' }, 'token', 201],
  ['the token, cross-site', { 'Sec-Fetch-Site': 'cross-site' }, 'token', 403],
  ['the token, cross-site from elsewhere', { 'Sec-Fetch-Site': 'cross-site', Origin: evil }, 'token', 403],
  [
    'the token, same-site from elsewhere',
    { 'Sec-Fetch-Site': 'same-site', Origin: 'https://x.volwatch.test' },
    'token',
    403,
  ],
  ['the token, from a listed origin', { 'Sec-Fetch-Site': 'cross-site', Origin: app }, 'token', 201],
  ['no token, from a listed origin', { 'Sec-Fetch-Site': 'cross-site', Origin: app }, 'none', 403],
  ['the token, an old browser at our address', { Origin: own }, 'token', 201],
  ['the token, an old browser elsewhere', { Origin: evil }, 'token', 403],
  ['the token, an opaque origin', { Origin: 'null' }, 'token', 403],
  ['the token, a host that only begins alike', { Origin: `${own}.evil.example` }, 'token', 403],
  ['the token, another scheme', { Origin: 'http://api.volwatch.test' }, 'token', 403],
];
test('CSRF: where a request comes from, and the token it shows', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const [mine, other] = [await openSession(room), await openSession(room)];
  const tokens = { token: mine.csrf, 'foreign token': other.csrf, altered: `${mine.csrf.slice(0, -1)}*`, none: '' };
  for (const [what, headers, shows, status] of cases) {
    const shown = tokens[shows] === '' ? {} : { 'X-CSRF-Token': tokens[shows] };
    const sent = { cookie: mine.cookie, ...shown, ...headers };
    const answer = await room.json('/api-keys', { name: 'k', scopes: [] }, sent);
    t.is(answer.status, status, what);
    if (status === 403) t.like(answer.body, { code: 'csrf_token_invalid', category: 'authorization' }, what);
  }
  const made = cases.filter(([, , , status]) => status === 201).length;
  t.is((await room.stored.query('select 1 from api_key')).length, made);
  const refusals = (await auditActions(room)).filter((action) => action === 'csrf.refused');
  t.is(refusals.length, cases.length - made);
});

test('signing in from a page of another origin with our cookie is refused; reading needs no token', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const { cookie } = await openSession(room);
  const foreign = { cookie, Origin: evil, 'Sec-Fetch-Site': 'cross-site' };
  t.is((await room.json('/auth/login', { ...ada, session: true }, foreign)).status, 403);
  t.is((await room.me({ cookie })).status, 200);
});

test('a bearer token or a key beside the cookie counts alone, and needs no CSRF token', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const { cookie } = await openSession(room);
  const made = await room.json('/api-keys', { name: 'k', scopes: [] }, { cookie, ...bearer(access), Origin: evil });
  t.is(made.status, 201);
  t.like((await room.me({ cookie, 'X-API-Key': String(made.body['key']) })).body, { kind: 'api_key' });
  t.like((await room.me({ cookie, ...bearer('rubbish') })).body, { code: 'token_malformed' });
});
