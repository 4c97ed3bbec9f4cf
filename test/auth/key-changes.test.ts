import test from 'ava';
import { ada, auditActions, bearer, signedIn, startRoom, type Room } from './room.ts';

type Headers = Record<string, string>;

const setUp = async (room: Room, wanted: object = {}) => {
  const owner = bearer((await signedIn(room)).access);
  const { body } = await room.json('/api-keys', { name: 'nightly', scopes: ['ml:read'], ...wanted }, owner);
  return { owner, id: String(body['id']), key: { 'X-API-Key': String(body['key']) }, body };
};
const patch = (room: Room, id: string, body: object, by: Headers) => room.json(`/api-keys/${id}`, body, by, 'PATCH');
const rotate = (room: Room, id: string, by: Headers, query = '') =>
  room.call(`/api-keys/${id}/rotate${query}`, { method: 'POST', headers: by });

test('a key is renamed, and loses scopes but never gains one', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 0 } });
  const { owner, id, key } = await setUp(room);
  const renamed = await patch(room, id, { name: ' weekly ' }, owner);
  t.is(renamed.status, 200);
  t.like(renamed.body, { id, name: 'weekly', scopes: ['ml:read'] });
  t.false('key' in renamed.body);
  t.like((await patch(room, id, { scopes: [] }, owner)).body, { name: 'weekly', scopes: [] });
  t.deepEqual((await room.me(key)).body['scopes'], []);
  const widened = await patch(room, id, { scopes: ['ml:read'] }, owner);
  t.is(widened.status, 403);
  t.like(widened.body, { code: 'scope_insufficient' });
  for (const body of [{ name: '' }, { scopes: ['root'] }, { key: 'x' }, { expires_at: '2030-01-01' }]) {
    t.is((await patch(room, id, body, owner)).status, 422, JSON.stringify(body));
  }
  const changes = await room.stored.query(`select data from audit_event where action = 'api_key.changed' order by id`);
  t.deepEqual(changes, [
    { data: { scopes: ['ml:read'], scopes_removed: false } },
    { data: { scopes: [], scopes_removed: true } },
  ]);
});

test('a rotated key and its successor are both valid during the overlap, then only the successor', async (t) => {
  const room = await startRoom(t);
  const { id, key, body } = await setUp(room, { expires_in_days: 30 });
  room.advance(3_600);
  const shown = bearer((await signedIn(room)).access);
  const rotated = await rotate(room, id, shown, '?overlap_hours=2');
  t.is(rotated.status, 201);
  t.is(rotated.headers.get('cache-control'), 'no-store');
  t.like(rotated.body, { name: 'nightly', scopes: ['ml:read'] });
  t.not(rotated.body['id'], id);
  const days = (Date.parse(String(rotated.body['expires_at'])) - Date.parse(String(body['expires_at']))) / 3_600_000;
  t.true(Math.abs(days - 1) < 0.01, 'the lifetime begins again');
  const next = { 'X-API-Key': String(rotated.body['key']) };
  for (const each of [key, next]) t.is((await room.me(each)).status, 200);
  room.advance(2 * 3_600 + 1);
  t.is((await room.me(key)).status, 401);
  t.is((await room.me(next)).status, 200);
  const later = bearer((await signedIn(room)).access);
  t.is((await rotate(room, id, later)).status, 404, 'an ended key');
  t.is((await rotate(room, String(rotated.body['id']), later, '?overlap_hours=721')).status, 422);
  const last = await rotate(
    room,
    String(rotated.body['id']),
    bearer((await signedIn(room)).access),
    '?overlap_hours=0',
  );
  t.is(last.status, 201);
  t.is((await room.me(next)).status, 401, 'no overlap');
  t.true((await auditActions(room)).includes('api_key.rotated'));
});

test('a repeated rotation gives a key with the lifetime of the first one', async (t) => {
  const room = await startRoom(t, { settings: { maxApiKeys: 10 } });
  const { owner, id } = await setUp(room);
  const limited = await room.json('/api-keys', { name: 'limited', scopes: [], expires_in_days: 90 }, owner);
  room.advance(86_400);
  const later = bearer((await signedIn(room)).access);
  for (let round = 0; round < 3; round += 1) {
    const endless = await rotate(room, id, later);
    t.is(endless.status, 201);
    t.is(endless.body['expires_at'], null, 'no end');
    const { body } = await rotate(room, String(limited.body['id']), later, `?overlap_hours=${3 - round}`);
    const days = (Date.parse(String(body['expires_at'])) - Date.parse(String(body['created_at']))) / 86_400_000;
    t.is(days, 90);
  }
});

test('rotation works at the max number of keys, and cannot be repeated above it', async (t) => {
  const room = await startRoom(t);
  const { owner, id } = await setUp(room);
  for (let key = 1; key < 5; key += 1) await room.json('/api-keys', { name: 'k', scopes: [] }, owner);
  const first = await rotate(room, id, owner);
  t.is(first.status, 201);
  t.is((await rotate(room, String(first.body['id']), owner)).status, 422);
  t.is((await room.stored.query('select 1 from api_key')).length, 6);
});

test('a key of another owner, a lost scope and a key as caller are refused', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 0 } });
  const { owner, id, key } = await setUp(room);
  const bob = bearer((await signedIn(room, { ...ada, email: 'bob@example.org' })).access);
  t.like((await patch(room, id, { name: 'x' }, bob)).body, { code: 'resource_not_found' });
  t.like((await rotate(room, id, bob)).body, { code: 'resource_not_found' });
  t.like((await patch(room, id, { name: 'x' }, key)).body, { code: 'scope_insufficient' });
  t.like((await rotate(room, id, key)).body, { code: 'scope_insufficient' });
  await room.stored.query(`update user_account set scopes = '{}'`);
  t.like((await rotate(room, id, owner)).body, { code: 'scope_insufficient' });
  t.is((await room.stored.query('select 1 from api_key')).length, 1);
});

test('the end of a key is a number of days, a last day or an instant', async (t) => {
  const room = await startRoom(t);
  const owner = bearer((await signedIn(room)).access);
  const create = (more: object) => room.json('/api-keys', { name: 'k', scopes: [], ...more }, owner);
  const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  const nextDay = new Date(Date.parse(day) + 86_400_000).toISOString();
  t.is((await create({ expires_at: day })).body['expires_at'], nextDay, 'the whole last day');
  t.is((await create({ expires_at: `${day}T12:00:00+02:00` })).body['expires_at'], `${day}T10:00:00.000Z`);
  for (const more of [
    { expires_at: '2020-01-01' },
    { expires_at: '2999-01-01' },
    { expires_at: 'tomorrow' },
    { expires_at: day, expires_in_days: 2 },
  ]) {
    const refused = await create(more);
    t.is(refused.status, 422, JSON.stringify(more));
    t.like(refused.body, { errors: [{ pointer: '/expires_at' }] });
  }
});
