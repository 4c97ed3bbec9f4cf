import test from 'ava';
import { compareState } from '#src/audit/replay.ts';
import { eventually } from '#testkit/eventually.ts';
import { ada, auditActions, bearer, signedIn, startRoom, type Room } from './room.ts';

const asDesk = async (room: Room, scope?: string): Promise<Record<string, string>> => {
  const { body } = await room.form('/auth/token', {
    grant_type: 'client_credentials',
    client_id: 'desk',
    client_secret: 'bootstrap secret',
    ...(scope !== undefined && { scope }),
  });
  return bearer(body['access_token']);
};
const asAda = async (room: Room) => bearer((await signedIn(room)).access);
const newKey = async (room: Room, owner: Record<string, string>, wanted: object = {}) => {
  const { status, body } = await room.json('/api-keys', { name: 'nightly', scopes: ['ml:read'], ...wanted }, owner);
  return { status, body, id: String(body['id']), header: { 'X-API-Key': String(body['key']) } };
};
const remove = (room: Room, id: string, owner: Record<string, string>) =>
  room.call(`/api-keys/${id}`, { method: 'DELETE', headers: owner });

test('a key is shown once, is recognised, ends when deleted, and leaves its events', async (t) => {
  const room = await startRoom(t);
  const owner = await asAda(room);
  const { status, body, id, header } = await newKey(room, owner);
  t.is(status, 201);
  t.deepEqual(Object.keys(body).sort(), ['created_at', 'expires_at', 'id', 'key', 'name', 'prefix', 'scopes']);
  t.like(body, { name: 'nightly', scopes: ['ml:read'], expires_at: null });
  t.regex(String(body['key']), /^vwk_[a-z0-9]{8}_[\w-]{43}$/);
  t.true(String(body['key']).startsWith(`${String(body['prefix'])}_`));
  t.deepEqual((await room.me(header)).body, { subject: id, kind: 'api_key', scopes: ['ml:read'] });

  const list = await room.call('/api-keys', { headers: owner });
  const { key, ...shown } = body;
  t.deepEqual(list.body['data'], [{ ...shown, last_used_at: null }]);
  t.false(JSON.stringify(list.body).includes(String(key)));
  const rows = JSON.stringify(await room.stored.query(`select *, encode(key_hash, 'escape') as e from api_key`));
  t.false(rows.includes(String(key)));

  t.is((await remove(room, id, owner)).status, 204);
  t.is((await remove(room, id, owner)).status, 404);
  const ended = await room.me(header);
  t.is(ended.status, 401);
  t.like(ended.body, { code: 'api_key_invalid', category: 'authentication' });
  t.is(ended.headers.get('www-authenticate'), 'ApiKey realm="volwatch"');
  t.deepEqual((await room.call('/api-keys', { headers: owner })).body['data'], []);
  t.deepEqual((await auditActions(room)).slice(-3), ['api_key.created', 'api_key.revoked', 'api_key.refused']);
  const [refused] = await room.stored.query(`select stream, target from audit_event where action = 'api_key.refused'`);
  t.regex(`${String(refused!['stream'])} ${String(refused!['target'])}`, new RegExp(`^(?:user|client):\\S+ ${id}$`));
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'api_key', outcome: 'ok' }), 1);
  t.is(room.metrics.value('volwatch_auth_failures_total', { reason: 'api_key_invalid' }), 1);
});

test('an owner has at most so many living keys, however they are asked for', async (t) => {
  const room = await startRoom(t);
  const owner = await asAda(room);
  // On a busy machine a request can wait too long for its turn or for a connection. Its client repeats it then.
  const insistent = async (attempts = 20): ReturnType<typeof newKey> => {
    const answer = await newKey(room, owner);
    return answer.status === 503 && attempts > 1 ? insistent(attempts - 1) : answer;
  };
  const made = await Promise.all(Array.from({ length: 8 }, () => insistent()));
  t.is(made.filter(({ status }) => status === 201).length, 5);
  const refused = made.find(({ status }) => status !== 201)!;
  t.is(refused.status, 422, JSON.stringify(refused.body));
  t.like(refused.body, { code: 'validation_failed', errors: [{ code: 'too_many' }] });
  t.is((await room.stored.query('select 1 from api_key')).length, 5);
  t.is((await newKey(room, await asDesk(room))).status, 201, 'others have places of their own');
  const kept = made.find(({ status }) => status === 201)!;
  t.is((await remove(room, kept.id, owner)).status, 204);
  t.is((await newKey(room, owner)).status, 201, 'the place of a deleted key is free');
});

const wrong: [string, string][] = [
  ['an empty key', ''],
  ['rubbish', 'let me in'],
  ['a key that nobody has', `vwk_aaaaaaaa_${'A'.repeat(43)}`],
  ['a key with SQL in it', `vwk_aaaaaaaa_' or 1=1 --${'A'.repeat(31)}`],
  ['a very long key', `vwk_aaaaaaaa_${'A'.repeat(4_000)}`],
];
test('what is no key of ours is refused', async (t) => {
  const room = await startRoom(t);
  for (const [what, key] of wrong) {
    const { status, body } = await room.me({ 'X-API-Key': key });
    t.is(status, 401, what);
    t.is(body['code'], 'api_key_invalid', what);
  }
});

test('one character more, less or other is another key', async (t) => {
  const room = await startRoom(t);
  const { header } = await newKey(room, await asAda(room));
  const key = header['X-API-Key'];
  const last = key.endsWith('A') ? 'B' : 'A';
  for (const other of [`${key}A`, key.slice(0, -1), `${key.slice(0, -1)}${last}`, key.toUpperCase(), `${key},${key}`]) {
    t.is((await room.me({ 'X-API-Key': other })).status, 401, other);
  }
});

test('a key expires', async (t) => {
  const room = await startRoom(t);
  const owner = await asAda(room);
  const { body, header } = await newKey(room, owner, { expires_in_days: 2 });
  const days = (Date.parse(String(body['expires_at'])) - Date.parse(String(body['created_at']))) / 86_400_000;
  t.is(days, 2);
  room.advance(2 * 86_400 - 60);
  t.is((await room.me(header)).status, 200);
  room.advance(61);
  t.is((await room.me(header)).status, 401);
});

test("scopes stay within the owner's: at creation, and when the owner loses one", async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 0 } });
  const owner = await asAda(room);
  const tooMuch = await newKey(room, owner, { scopes: ['ml:read', 'market:refresh'] });
  t.is(tooMuch.status, 403);
  t.is(tooMuch.body['code'], 'scope_insufficient');
  const { header } = await newKey(room, owner, { scopes: ['ml:read', 'ml:read'] });
  t.like((await room.stored.query('select scopes from api_key'))[0], { scopes: ['ml:read'] });
  t.deepEqual((await room.me(header)).body['scopes'], ['ml:read']);
  await room.stored.query(`update user_account set scopes = '{market:refresh}'`);
  t.deepEqual((await room.me(header)).body['scopes'], []);
});

test('a narrowed token of a client makes narrow keys only', async (t) => {
  const room = await startRoom(t);
  const owner = await asDesk(room, 'audit:read');
  t.is((await newKey(room, owner)).status, 403);
  const { header } = await newKey(room, owner, { scopes: ['audit:read'] });
  t.deepEqual((await room.me(header)).body['scopes'], ['audit:read']);
});

test("somebody else's key is not there", async (t) => {
  const room = await startRoom(t);
  const owner = await asAda(room);
  const desk = await asDesk(room);
  const bob = bearer((await signedIn(room, { ...ada, email: 'bob@example.org' })).access);
  const { id, header } = await newKey(room, owner);
  for (const other of [desk, bob]) {
    t.deepEqual((await room.call('/api-keys', { headers: other })).body['data'], []);
    const { status, body } = await remove(room, id, other);
    t.is(status, 404);
    t.is(body['code'], 'resource_not_found');
  }
  t.is((await room.me(header)).status, 200);
});

test('a key manages no keys', async (t) => {
  const room = await startRoom(t);
  const { id, header } = await newKey(room, await asAda(room));
  const answers = [
    await newKey(room, header, { scopes: [] }),
    await room.call('/api-keys', { headers: header }),
    await remove(room, id, header),
  ];
  for (const { status, body } of answers) {
    t.is(status, 403);
    t.is(body['code'], 'scope_insufficient');
  }
});

test('creation refuses what breaks its schema', async (t) => {
  const room = await startRoom(t);
  const owner = await asDesk(room);
  const bodies = {
    'no name': { scopes: [] },
    'an empty name': { name: '', scopes: [] },
    'a blank name': { name: '   ', scopes: [] },
    'a name of 101 characters': { name: 'x'.repeat(101), scopes: [] },
    'a line end in the name': { name: 'a\r\nb', scopes: [] },
    'no scopes': { name: 'k' },
    'an unknown scope': { name: 'k', scopes: ['root'] },
    'zero days': { name: 'k', scopes: [], expires_in_days: 0 },
    'half a day': { name: 'k', scopes: [], expires_in_days: 0.5 },
    'days as text': { name: 'k', scopes: [], expires_in_days: '7' },
    'an unknown member': { name: 'k', scopes: [], owner: 'me' },
  };
  for (const [what, body] of Object.entries(bodies)) {
    const answer = await room.json('/api-keys', body, owner);
    t.is(answer.status, 422, what);
    t.is(answer.body['code'], 'validation_failed', what);
  }
});

test('the list goes page by page; a cursor of another owner or an altered one is refused', async (t) => {
  const room = await startRoom(t);
  const [owner, desk] = [await asAda(room), await asDesk(room)];
  const ids: string[] = [];
  for (let index = 0; index < 3; index += 1) ids.push((await newKey(room, owner, { name: `key ${index}` })).id);
  const page = async (query: string, as = owner) => {
    const answer = await room.call(`/api-keys?${query}`, { headers: as });
    return { ...answer, ...(answer.body as { data: { id: string }[]; page: { next_cursor: string | null } }) };
  };
  const first = await page('limit=2&fields=id');
  t.deepEqual(first.data, [{ id: ids[0]! }, { id: ids[1]! }]);
  const cursor = first.page.next_cursor!;
  const second = await page(`limit=2&cursor=${cursor}`);
  t.deepEqual(
    second.data.map(({ id }) => id),
    [ids[2]!],
  );
  t.is(second.page.next_cursor, null);
  t.is((await page(`cursor=${cursor}`, desk)).status, 422);
  t.is((await page(`cursor=${cursor.slice(0, -2)}`)).status, 422);
  t.is((await page('from=2000-01-01&to=2000-12-31')).data.length, 0);
  t.is((await page('from=2000-01-01')).data.length, 3);
});

test('the last use is written now and then, not with each request', async (t) => {
  const usageFlushMs = 500;
  const room = await startRoom(t, { settings: { usageFlushMs } });
  const owner = await asAda(room);
  const { header } = await newKey(room, owner);
  const before = room.metrics.value('volwatch_db_transactions_total', { operation: 'auth.maintenance' });
  const start = performance.now();
  await Promise.all(Array.from({ length: 30 }, () => room.me(header)));
  const lastUse = async () =>
    ((await room.call('/api-keys', { headers: owner })).body['data'] as { last_used_at: string | null }[])[0]
      ?.last_used_at;
  await eventually(async () => (await lastUse()) !== null, 'the last use is stored');
  t.true(Math.abs(Date.parse(String(await lastUse())) - Date.now()) < 10_000);
  const writes = room.metrics.value('volwatch_db_transactions_total', { operation: 'auth.maintenance' }) - before;
  // One for each interval, and one that was due at the start. The time counts, because a busy machine has more intervals.
  const maxWrites = Math.ceil((performance.now() - start) / usageFlushMs) + 1;
  t.true(writes <= maxWrites, `${writes} writes for 30 requests, at most ${maxWrites}`);
});

test('a database that is down is 503 for a key, never 401', async (t) => {
  const room = await startRoom(t);
  const { header } = await newKey(room, await asAda(room));
  const down = await startRoom(t, {
    beside: room,
    reader: { query: () => Promise.reject(Object.assign(new Error('x'), {})) },
  });
  t.is((await down.me(header)).body['code'], 'auth_service_error');
});

test('a change of a key that changes nothing leaves no event', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const { body } = await room.json('/api-keys', { name: 'one', scopes: ['ml:read'] }, bearer(access));
  const change = (changes: object) => room.json(`/api-keys/${String(body['id'])}`, changes, bearer(access), 'PATCH');
  const changes = async () => (await auditActions(room)).filter((action) => action === 'api_key.changed').length;
  for (const same of [{ name: 'one' }, { scopes: ['ml:read'] }, { name: 'one', scopes: ['ml:read'] }]) {
    t.is((await change(same)).status, 200);
  }
  t.is(await changes(), 0);
  t.is((await change({ name: 'two' })).body['name'], 'two');
  t.is(await changes(), 1);
});

test('an id in capital letters names the same key, and the audit trail agrees with the table', async (t) => {
  const room = await startRoom(t);
  const owner = await asAda(room);
  const [narrowed, rotated, revoked] = [
    await newKey(room, owner),
    await newKey(room, owner),
    await newKey(room, owner),
  ];
  const path = (id: string): string => `/api-keys/${id.toUpperCase()}`;
  const headers = { ...owner, 'Content-Type': 'application/json' };
  const changed = await room.call(path(narrowed.id), {
    method: 'PATCH',
    headers,
    body: JSON.stringify({ scopes: [] }),
  });
  t.like(changed, { status: 200, body: { id: narrowed.id, scopes: [] } });
  t.is((await room.call(`${path(rotated.id)}/rotate`, { method: 'POST', headers: owner })).status, 201);
  t.is((await remove(room, revoked.id.toUpperCase(), owner)).status, 204);
  t.deepEqual(await compareState(room.database.reader), []);
});
