import test from 'ava';
import { agentFamily } from '#src/kernel/requests/callers/agent-family.ts';
import { liveOwnSessionsSql } from '#src/auth/own-sessions/own-session.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  ada,
  auditActions,
  bearer,
  openSession,
  quickCaches,
  refresh,
  signedIn,
  startRoom,
  type Room,
} from '../room.ts';

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 secret-extension/7';

type Listed = {
  readonly id: string;
  readonly kind: string;
  readonly agent: string | null;
  readonly this_network: boolean | null;
  readonly current: boolean;
};

const list = async (room: Room, headers: Record<string, string>) => {
  const { body } = await room.call('/account/sessions', { headers });
  return body['data'] as Listed[];
};

test('a user sees own sign-ins of both kinds, with program and network but no address', async (t) => {
  const room = await startRoom(t, quickCaches);
  const { access, refresh: token } = await signedIn(room);
  const { cookie } = await openSession(room, ada, { 'User-Agent': firefox, 'X-Forwarded-For': '203.0.113.7' });
  await signedIn(room, { ...ada, email: 'bob@example.org' });
  const mine = await list(room, bearer(access));
  t.deepEqual(
    mine.map(({ kind, agent, this_network, current }) => [kind, agent, this_network, current]),
    [
      ['tokens', 'Node', true, true],
      ['session', 'Firefox on Linux', false, false],
    ],
  );
  t.deepEqual(
    (await list(room, { cookie, 'X-Forwarded-For': '203.0.113.99' })).map((each) => each.current),
    [false, true],
  );
  const refreshed = String((await refresh(room, token)).body['access_token']);
  t.true((await list(room, bearer(refreshed)))[0]!.current, 'a refreshed token belongs to the same sign-in');
  const rows = JSON.stringify(await room.stored.query(`select *, encode(place_hash, 'escape') from user_session`));
  for (const secret of ['203.0.113', 'secret-extension', 'Gecko']) t.false(rows.includes(secret), secret);
  const page = await room.call('/account/sessions?limit=1&fields=id', { headers: bearer(refreshed) });
  t.deepEqual(page.body['data'], [{ id: mine[0]!.id }]);
});

test('the list of sign-ins reads a few pages of each sign-in, however many tokens it has', async (t) => {
  const room = await startRoom(t, quickCaches);
  const { access } = await signedIn(room);
  const [{ user_id: user, id }] = (await room.stored.query('select user_id, id from refresh_family')) as [
    { readonly user_id: string; readonly id: string },
  ];
  await room.stored.query(
    `insert into refresh_family select (jsonb_populate_record(family, jsonb_build_object('id', gen_random_uuid()))).*
     from refresh_family as family, generate_series(1, 100)`,
  );
  await room.stored.query(
    `insert into refresh_token select (jsonb_populate_record(token, jsonb_build_object(
       'token_hash', '\\x' || encode(sha256((family.id::text || number)::bytea), 'hex'),
       'family_id', family.id, 'access_token_id', gen_random_uuid()))).*
     from refresh_token as token, refresh_family as family, generate_series(1, 1000) as number where family.id <> $1`,
    [id],
  );
  await room.stored.query('analyze refresh_token, refresh_family');
  const [{ 'QUERY PLAN': plans }] = (await room.stored.query(
    `explain (analyze, buffers, format json) ${liveOwnSessionsSql}`,
    [user, new Date(), null, 'other', 3_600],
  )) as [{ readonly 'QUERY PLAN': readonly [{ readonly Plan: Record<string, number> }] }];
  const { 'Actual Rows': rows, 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 } = plans[0].Plan;
  t.is(rows, 101);
  t.true(hit + read < 1_500, `${hit + read} pages; all tokens have more than 2,000`);
  t.is((await list(room, bearer(access))).length, 100);
});

test('one sign-in ends with its tokens, the others stay; of another user it is not there', async (t) => {
  const room = await startRoom(t, quickCaches);
  const first = await signedIn(room);
  const second = await signedIn(room);
  const { cookie } = await openSession(room);
  const bob = await signedIn(room, { ...ada, email: 'bob@example.org' });
  const [one, two, three] = await list(room, bearer(second.access));
  const end = (id: string, shown: Record<string, string>) =>
    room.call(`/account/sessions/${id}`, { method: 'DELETE', headers: shown });
  t.like((await end(one!.id, bearer(bob.access))).body, { code: 'resource_not_found' });
  t.true(two!.current);
  t.is((await end(one!.id, bearer(second.access))).status, 204);
  t.is((await end(one!.id, bearer(second.access))).status, 404);
  t.like((await room.me(bearer(first.access))).body, { code: 'token_revoked' });
  t.is((await refresh(room, first.refresh)).status, 400);
  t.is((await end(three!.id, bearer(second.access))).status, 204);
  t.is((await room.me({ cookie })).status, 401);
  t.is((await room.me(bearer(second.access))).status, 200);
  t.true((await auditActions(room)).includes('user.signed_out'));
});

test('all sign-ins end, or all but the current one; API keys stay', async (t) => {
  const room = await startRoom(t, quickCaches);
  const first = await signedIn(room);
  const second = await signedIn(room);
  const { cookie } = await openSession(room);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(second.access));
  const end = (query: string) =>
    room.call(`/account/sessions${query}`, { method: 'DELETE', headers: bearer(second.access) });
  t.is((await end('?keep_current=maybe')).status, 422);
  t.is((await end('?keep_current=true')).status, 204);
  t.is((await room.me(bearer(first.access))).status, 401);
  t.is((await room.me({ cookie })).status, 401);
  t.is((await room.me(bearer(second.access))).status, 200);
  t.is((await list(room, bearer(second.access))).length, 1);
  t.is((await end('')).status, 204);
  await eventually(async () => (await room.me(bearer(second.access))).status === 401, 'the own token is refused too');
  t.is((await refresh(room, second.refresh)).status, 400);
  t.is((await room.me({ 'X-API-Key': String(key.body['key']) })).status, 200);
  t.is((await list(room, bearer((await signedIn(room)).access))).length, 1);
});

for (const [title, end] of [
  [
    'the end of the other sign-ins ends access tokens of expired sign-ins and sessions that look idle',
    (room: Room, headers: Record<string, string>) =>
      room.call('/account/sessions?keep_current=true', { method: 'DELETE', headers }),
  ],
  [
    'a change of the password ends access tokens of expired sign-ins and sessions that look idle',
    (room: Room, headers: Record<string, string>) =>
      room.json(
        '/account/password',
        { current_password: ada.password, new_password: 'a different long sentence' },
        headers,
      ),
  ],
] as const) {
  test(title, async (t) => {
    const room = await startRoom(t, quickCaches);
    const thief = await signedIn(room);
    await openSession(room);
    await room.stored.query(`update refresh_family set expires_at = now() - interval '1 minute'`);
    await room.auth.cleanUp();
    t.is((await room.me(bearer(thief.access))).status, 200, 'the last access token lives longer than its sign-in');
    // The time of its last use may not be written yet.
    await room.stored.query(`update user_session set seen_at = now() - interval '2 hours'`);
    const own = await signedIn(room);
    t.is((await end(room, bearer(own.access))).status, 204);
    t.is((await room.me(bearer(own.access))).status, 200);
    t.like((await room.me(bearer(thief.access))).body, { code: 'token_revoked' });
    t.deepEqual(await room.stored.query('select 1 from user_session'), []);
  });
}

test('an expired sign-in ends with its access token by its id or its refresh token, and is deleted after it', async (t) => {
  const room = await startRoom(t, quickCaches);
  const [first, second, third] = [await signedIn(room), await signedIn(room), await signedIn(room)];
  const own = await signedIn(room);
  const [one] = await list(room, bearer(own.access));
  const families = (await room.stored.query('select id from refresh_family order by id')).map(({ id }) => id);
  await room.stored.query(`update refresh_family set expires_at = now() - interval '1 minute' where id <> $1`, [
    families[3],
  ]);
  const deleted = await room.call(`/account/sessions/${one!.id}`, { method: 'DELETE', headers: bearer(own.access) });
  t.is(deleted.status, 204);
  t.is((await room.form('/auth/revoke', { token: second.refresh })).status, 200);
  for (const { access } of [first, second]) t.like((await room.me(bearer(access))).body, { code: 'token_revoked' });
  t.is((await room.me(bearer(third.access))).status, 200);
  await room.stored.query(`update refresh_token set access_expires_at = now() - interval '1 hour'`);
  await room.auth.cleanUp();
  t.deepEqual(
    (await room.stored.query('select id from refresh_family')).map(({ id }) => id),
    [families[3]],
  );
});

test('requests at the same time end a sign-in once, with one event, and its token is refused at once', async (t) => {
  // Without polls, only the announcement reaches the instance.
  const room = await startRoom(t, { settings: { revocationPollMs: 3_600_000, ownerCacheMs: 3_600_000 } });
  const many = async (work: () => Promise<{ readonly status: number }>): Promise<void> => {
    await Promise.all(Array.from({ length: 10 }, work));
  };
  const ends: readonly ((headers: Record<string, string>, access: string) => Promise<{ readonly status: number }>)[] = [
    (headers) => room.call('/auth/logout', { method: 'POST', headers }),
    (_headers, access) => room.form('/auth/revoke', { token: access }),
    (headers) => room.call('/account/sessions', { method: 'DELETE', headers }),
  ];
  let events = (await auditActions(room)).length;
  for (const end of ends) {
    const { access } = await signedIn(room);
    events = (await auditActions(room)).length;
    await many(() => end(bearer(access), access));
    t.is((await auditActions(room)).length, events + 1);
    t.is((await room.me(bearer(access))).body['code'], 'token_revoked');
  }
  const { cookie, csrf } = await openSession(room);
  events = (await auditActions(room)).length;
  await many(() => room.call('/auth/logout', { method: 'POST', headers: { cookie, 'X-CSRF-Token': csrf } }));
  t.is((await auditActions(room)).length, events + 1);
});

test('clients and API keys have no sessions; a cookie needs the CSRF token', async (t) => {
  const room = await startRoom(t, quickCaches);
  const { access } = await signedIn(room);
  const { cookie } = await openSession(room);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const headers = { 'X-API-Key': String(key.body['key']) };
  t.like((await room.call('/account/sessions', { headers })).body, { code: 'resource_not_found' });
  const refused = await room.call('/account/sessions', { method: 'DELETE', headers: { cookie } });
  t.like(refused.body, { code: 'csrf_token_invalid' });
  t.is((await room.call('/account/sessions')).status, 401);
});

test('the header of a program becomes a family', (t) => {
  const cases: readonly [string | undefined, string | null][] = [
    [undefined, null],
    ['', null],
    ['a program of my own (me@example.org)', null],
    ['curl/8.5.0', 'curl'],
    [firefox, 'Firefox on Linux'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0',
      'Edge on Windows',
    ],
    ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36', 'Chrome on Android'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1', 'Safari on iOS'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Version/18.0 Safari/605.1.15', 'Safari on macOS'],
    [`${'x'.repeat(5_000)} Firefox/1`, null],
  ];
  for (const [header, family] of cases) t.is(agentFamily(header), family, header);
});
