import test from 'ava';
import { removeUsersWithoutSignIn } from '#src/auth/users/registration-quota.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { startRoom, type Room } from './room.ts';

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

  t.is((await room.json('/auth/login', { email: 'one@example.org', password })).status, 200);
  t.is((await register(room, 'three')).status, 202);
});

test('retention removes accounts without a sign-in, and none that was signed in to by token or by cookie', async (t) => {
  const room = await startRoom(t);
  for (const name of ['tokens', 'cookie', 'unused', 'young']) await register(room, name);
  await room.json('/auth/login', { email: 'tokens@example.org', password });
  t.is((await room.json('/auth/login', { email: 'cookie@example.org', password, session: true })).status, 200);
  await room.stored.query('delete from refresh_family');
  await room.stored.query(
    "update user_account set created_at = created_at - interval '8 days' where email <> 'young@example.org'",
  );
  const removed = await room.database.unitOfWork.run({ operation: 'retention' }, (run) =>
    removeUsersWithoutSignIn(run, 7),
  );
  t.is(removed, 1);
  const left = await room.stored.query('select email from user_account order by 1');
  t.deepEqual(
    left.map(({ email }) => email),
    ['cookie@example.org', 'tokens@example.org', 'young@example.org'],
  );
  t.deepEqual(await room.stored.query('select 1 from owner_end'), []);
});
