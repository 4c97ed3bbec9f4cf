import test from 'ava';
import { ada, auditActions, bearer, quickCaches, signedIn, startRoom, type Room } from '../room.ts';
import { duringTurn } from '../owners/during.ts';
import { bob, idOf, patch, tokenOfClient, type Credentials } from './users.ts';

/** Two users with the role admin, signed in. */
const twoAdministrators = async (room: Room) => {
  const made = [];
  for (const who of [ada, bob]) {
    await signedIn(room, who);
    await room.stored.query(`update user_account set role = 'admin' where email = $1`, [who.email]);
    made.push({ id: await idOf(room, who.email), credentials: bearer((await signedIn(room, who)).access) });
  }
  return made as [{ id: string; credentials: Credentials }, { id: string; credentials: Credentials }];
};

test('the last administrator cannot be demoted, lose the scope users:admin or be disabled', async (t) => {
  const room = await startRoom(t, quickCaches);
  const [first, second] = await twoAdministrators(room);
  t.is((await patch(room, second.id, { disabled: true }, first.credentials)).status, 200);
  for (const body of [{ role: 'user' }, { disabled: true }, { role: 'analyst', scopes: ['audit:read'] }]) {
    for (const by of [first.credentials, await tokenOfClient(room)]) {
      const refused = await patch(room, first.id, body, by);
      t.is(refused.status, 409, JSON.stringify(body));
      t.like(refused.body, { code: 'last_administrator', category: 'conflict' });
    }
  }
  t.like(await room.stored.query('select role, version from user_account where id = $1', [first.id]), [
    { role: 'admin', version: 0 },
  ]);
  t.true((await auditActions(room)).includes('user.change_refused'));
  const moved = await patch(room, first.id, { role: 'user', scopes: ['users:admin'] }, first.credentials);
  t.is(moved.status, 200, 'users:admin of the account counts as well as that of the role');
  t.is((await patch(room, second.id, { disabled: false }, first.credentials)).status, 200);
  t.is((await patch(room, first.id, { scopes: [] }, first.credentials)).status, 200, 'another one is there again');
});

test('one of two administrators who demote each other at the same time stays an administrator', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 60_000 } });
  const secondInstance = await startRoom(t, { settings: { ownerCacheMs: 60_000 }, beside: room });
  for (let round = 0; round < 5; round += 1) {
    const [first, second] = await twoAdministrators(room);
    const answers = await Promise.all([
      patch(room, second.id, { role: 'user' }, first.credentials),
      patch(secondInstance, first.id, { role: 'user' }, second.credentials),
    ]);
    const [good, refused] = answers.map(({ status }) => status).toSorted((left, right) => left - right);
    t.is(good, 200);
    // 403: the requests did not overlap, and the second came from somebody who was no administrator any more.
    t.true(refused === 409 || refused === 403, String(refused));
    t.is((await room.stored.query(`select 1 from user_account where role = 'admin'`)).length, 1);
  }
});

test('the last administrator cannot ask for the removal of the account; an administrator whose account will be removed does not count as another one', async (t) => {
  const room = await startRoom(t, quickCaches);
  const [first, second] = await twoAdministrators(room);
  const remove = (by: Credentials) => room.json('/account', { password: ada.password }, by, 'DELETE');
  t.is((await remove(second.credentials)).status, 202);
  const refused = await remove(first.credentials);
  t.is(refused.status, 409);
  t.like(refused.body, { code: 'last_administrator' });
  t.is((await room.me(first.credentials)).status, 200, 'the sign-ins stay');
  t.is((await room.stored.query('select 1 from user_account where removal_at is not null')).length, 1);
  t.true((await auditActions(room)).includes('user.change_refused'));
});

test('an administrator who is disabled while a change waits for its turn disables nobody', async (t) => {
  const room = await startRoom(t, quickCaches);
  const [first, second] = await twoAdministrators(room);
  await signedIn(room, { ...ada, email: 'third@example.org' });
  await room.stored.query(`update user_account set role = 'admin' where email = 'third@example.org'`);
  const late = await duringTurn(
    room,
    'administrators',
    () => patch(room, first.id, { disabled: true }, second.credentials),
    ({ query }) => query(`insert into owner_end select 'user', $1, 'disabled', now()`, [second.id]),
  );
  t.like([late.status, late.body['code']], [401, 'credential_owner_gone']);
  t.is((await room.me(first.credentials)).status, 200);
});
