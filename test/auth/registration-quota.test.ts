import test from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { composeCredentialAdmin } from '#src/compose/identity/credential-admin.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { auditActions, startRoom, type Room } from './room.ts';

const password = 'a sentence that nobody guesses';
const register = (room: Room, name: string) => room.json('/auth/register', { email: `${name}@example.org`, password });

test('accounts that nobody signs in to are bounded; the refusal is the same for a taken and a free address', async (t) => {
  const abuse = recordAbuse();
  const room = await startRoom(t, { settings: { maxUsersWithoutSignIn: 2 }, abuse });
  for (const name of ['one', 'two']) t.is((await register(room, name)).status, 202);
  const [free, taken] = [await register(room, 'three'), await register(room, 'one')];
  for (const { status, body } of [free, taken]) {
    t.is(status, 429);
    t.like(body, { code: 'quota_exceeded', category: 'rate_limit' });
  }
  t.is(free.body['detail'], taken.body['detail']);
  t.deepEqual(abuse.kinds, ['storage_quota', 'storage_quota']);

  // A sign-in makes a place free, because the account does not count any more.
  t.is((await room.json('/auth/login', { email: 'one@example.org', password })).status, 200);
  t.is((await register(room, 'three')).status, 202);
});

test('one network registers a max number of accounts in a day, and other networks and days are not affected', async (t) => {
  const abuse = recordAbuse();
  const room = await startRoom(t, { settings: { maxRegistrationsPerNetwork: 3 }, abuse });
  const from = (address: string, name: string) =>
    room.json('/auth/register', { email: `${name}@example.org`, password }, { 'X-Forwarded-For': address });
  // Exactly three of six simultaneous requests pass. A request for an address that is taken counts too.
  const names = ['a', 'b', 'a', 'b', 'c', 'd'];
  const answers = await Promise.all(names.map((name, index) => from(`2001:db8:1:${index + 1}::1`, name)));
  t.is(answers.filter(({ status }) => status === 202).length, 3);
  for (const { status, body } of answers.filter(({ status }) => status !== 202)) {
    t.is(status, 429);
    t.like(body, { code: 'quota_exceeded', errors: [{ code: 'registrations_of_network' }] });
  }
  t.deepEqual(abuse.kinds, ['storage_quota', 'storage_quota', 'storage_quota']);
  t.is((await from('2001:db8:2::1', 'other-network')).status, 202);
  t.like(await from('2001:db8:1:2::9', 'late'), { status: 429 });
  // One row for each of the two networks. A row has the number of a bucket, because addresses are personal data.
  t.is((await room.stored.query('select 1 from registration_count')).length, 2);
  t.false(JSON.stringify(await room.stored.query('select * from registration_count')).includes('2001'));

  room.advance(86_400);
  t.is((await from('2001:db8:1:2::9', 'next-day')).status, 202);
  room.advance(86_400);
  // Counts of the day before stay, because an instance whose clock is behind may still use them.
  await room.auth.cleanUp();
  const days = await room.stored.query('select registrations from registration_count');
  t.deepEqual(days, [{ registrations: 1 }], 'counts of days that are over are removed');
});

test('networks have equal shares of the accounts without a sign-in, so no network closes the registration', async (t) => {
  const room = await startRoom(t, { settings: { maxUsersWithoutSignIn: 6, maxRegistrationsPerNetwork: 100 } });
  const from = (address: string, name: string) =>
    room.json('/auth/register', { email: `${name}@example.org`, password }, { 'X-Forwarded-For': address });
  for (let number = 1; number <= 6; number += 1) t.is((await from('192.0.2.1', `flood${number}`)).status, 202);
  t.is((await from('192.0.2.1', 'flood7')).status, 429, 'the network that has most');
  for (const [address, name] of [
    ['198.51.100.1', 'ada'],
    ['203.0.113.1', 'bob'],
    ['203.0.113.1', 'eve'],
  ] as const) {
    t.is((await from(address, name)).status, 202, name);
  }
  t.is((await from('203.0.113.1', 'ida')).status, 429, 'three of six is its share');
  const left = await room.stored.query('select email from user_account order by email');
  t.deepEqual(
    left.map(({ email }) => String(email).split('@')[0]),
    ['ada', 'bob', 'eve', 'flood4', 'flood5', 'flood6'],
    'the oldest ones made room',
  );
  t.deepEqual(await room.stored.query('select 1 from owner_end'), []);
  const erased = await room.stored.query(`select stream, actor_kind from audit_event where action = 'user.erased'`);
  t.is(erased.length, 3, 'each account that made room has its event');
  t.true(erased.every(({ actor_kind: actor }) => actor === 'system'));
});

const adminOf = ({ unitOfWork, reader }: Room['database']) => {
  const clock = { now: () => new Date(), monotonic: () => performance.now() };
  const audit = createAuditTrail({ clock, metrics: noMetrics, ids: uuidv7 });
  return composeCredentialAdmin({ unitOfWork, reader, audit, clock });
};

/** Runs the retention of accounts older than seven days. @returns how many it removed, and the addresses of the others */
const retain = async ({ database, stored }: Room) => {
  const removed = await adminOf(database).eraseUnused(7, 10);
  const left = await stored.query('select email from user_account order by 1');
  return { removed, left: left.map(({ email }) => email) };
};

const makeOld = ({ stored }: Room, name: string, values = 'version = version') =>
  stored.query(`update user_account set created_at = created_at - interval '8 days', ${values}
    where email = '${name}@example.org'`);

test('retention removes accounts that were never signed in to, and keeps the others', async (t) => {
  const room = await startRoom(t);
  for (const name of ['tokens', 'cookie', 'unused', 'young']) await register(room, name);
  await room.json('/auth/login', { email: 'tokens@example.org', password });
  t.is((await room.json('/auth/login', { email: 'cookie@example.org', password, session: true })).status, 200);
  // The tokens of a sign-in may be gone long before. Retention must not need them.
  await room.stored.query('delete from refresh_family');
  await room.stored.query(
    "update user_account set created_at = created_at - interval '8 days' where email <> 'young@example.org'",
  );
  t.deepEqual(await retain(room), {
    removed: 1,
    left: ['cookie@example.org', 'tokens@example.org', 'young@example.org'],
  });
  t.deepEqual(await room.stored.query('select 1 from owner_end'), []);
});

test('accounts that users of the earlier system have, and accounts with a proved address, are no unused ones', async (t) => {
  const room = await startRoom(t, { settings: { maxUsersWithoutSignIn: 1 } });
  t.is((await register(room, 'imported')).status, 202);
  await makeOld(room, 'imported', 'legacy_id = 7');
  t.is((await register(room, 'imported-text-id')).status, 202);
  // An operator imported it, so no registration has noted its network.
  await makeOld(room, 'imported-text-id', 'registration_bucket = null');
  t.is((await register(room, 'proved')).status, 202);
  await makeOld(room, 'proved', 'email_verified_at = now()');
  t.is((await register(room, 'unused')).status, 202);
  await makeOld(room, 'unused');
  t.is((await register(room, 'another')).status, 429);
  t.deepEqual(await retain(room), {
    removed: 1,
    left: ['imported-text-id@example.org', 'imported@example.org', 'proved@example.org'],
  });
});

test('an account that is removed as unused leaves no data, and an event', async (t) => {
  const room = await startRoom(t);
  await register(room, 'unused');
  await makeOld(room, 'unused');
  const [user] = await room.stored.query('select id from user_account');
  const id = String(user?.['id']);
  // From a time in which the use of tokens of the earlier system was not noted.
  await room.stored.query(
    `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at)
     values ($1, '', 'vw_', 'the name of a person', 'user', $2, '{ml:read}', now())`,
    [id, id],
  );
  await room.stored.query(`insert into pricing_job (id, subject, status, created_at) values ($1, $2, 'open', now())`, [
    id,
    `user:${id}`,
  ]);
  t.deepEqual(await retain(room), { removed: 1, left: [] });
  t.deepEqual(await room.stored.query('select name, revoked_at is null as works from api_key'), [
    { name: 'erased', works: false },
  ]);
  t.deepEqual(await room.stored.query('select 1 from pricing_job'), []);
  t.deepEqual(await room.stored.query('select owner_id, reason from owner_end'), [{ owner_id: id, reason: 'deleted' }]);
  t.deepEqual(await auditActions(room), ['user.registered', 'api_key.revoked', 'user.erased']);
});

test('a disabled account that nobody claimed is neither displaced nor removed, and stays disabled', async (t) => {
  const room = await startRoom(t, { settings: { maxUsersWithoutSignIn: 2 } });
  await register(room, 'disabled');
  await makeOld(room, 'disabled');
  const [user] = await room.stored.query('select id from user_account');
  await adminOf(room.database).disable(String(user?.['id']));
  const from = (address: string, name: string) =>
    room.json('/auth/register', { email: `${name}@example.org`, password }, { 'X-Forwarded-For': address });
  for (const name of ['flood1', 'flood2']) t.is((await from('127.0.0.1', name)).status, 202);
  t.is((await from('198.51.100.1', 'newcomer')).status, 202);
  t.deepEqual(await retain(room), {
    removed: 0,
    left: ['disabled@example.org', 'flood2@example.org', 'newcomer@example.org'],
  });
  await register(room, 'disabled');
  t.is((await room.json('/auth/login', { email: 'disabled@example.org', password })).status, 401);
});
