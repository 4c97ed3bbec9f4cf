import test from 'ava';
import { ownersOf } from '#testkit/accounts/owners.ts';
import { shareOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { credentialsTurn } from '#src/kernel/ports/owners.ts';
import { bearer, openSession, signedIn, startRoom, type Room } from '../room.ts';
import { settings } from '../setup.ts';
import { during, endTokens, ownerIn } from './during.ts';

const wanted = { name: 'late', scopes: ['ml:read'] };
const storedKeys = (room: Room) => room.stored.query('select name from api_key where revoked_at is null');

test('a session that ends while its request waits makes no API key', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const { cookie, csrf } = await openSession(room);
  const browser = { Cookie: cookie, 'X-CSRF-Token': csrf };
  t.is((await room.json('/api-keys', { ...wanted, name: 'early' }, browser)).status, 201);

  const late = await during(
    room,
    await ownerIn(room),
    () => room.json('/api-keys', wanted, browser),
    ({ query }) => query('delete from user_session'),
  );
  t.like([late.status, late.body['code']], [401, 'credentials_missing']);
  t.deepEqual(await storedKeys(room), [{ name: 'early' }]);
});

test('a token that is revoked while its request waits makes no API key', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const late = await during(room, await ownerIn(room), () => room.json('/api-keys', wanted, bearer(access)), endTokens);
  t.like([late.status, late.body['code']], [401, 'token_revoked']);
  t.deepEqual(await storedKeys(room), []);
});

test('a key that is revoked stores nothing, also if its request was authenticated before', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const { body } = await room.json('/api-keys', wanted, bearer(access));
  const owner = await ownerIn(room);
  const { reader, unitOfWork } = room.database;
  const owners = ownersOf({ reader, roles: settings.roles, bootstrap: undefined, cacheMs: 60_000 });
  const store = () =>
    unitOfWork.run({ operation: 'webhook.change' }, ({ query }) =>
      owners.assertMayStore(query, owner, { kind: 'api_key', subject: String(body['id']) }),
    );
  await t.notThrowsAsync(store());
  t.is((await room.call(`/api-keys/${String(body['id'])}`, { method: 'DELETE', headers: bearer(access) })).status, 204);
  await t.throwsAsync(store(), { code: 'api_key_invalid' });
});

test('a rotation waits for its turn without the lock of the key, so that it blocks no end of credentials', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const { body } = await room.json('/api-keys', wanted, bearer(access));
  const id = String(body['id']);
  const rotated = await during(
    room,
    await ownerIn(room),
    () => room.call(`/api-keys/${id}/rotate`, { method: 'POST', headers: bearer(access) }),
    async ({ query }) => {
      await query('select 1 from api_key where id = $1 for update nowait', [id]);
      await query('update api_key set revoked_at = now() where id = $1', [id]);
    },
  );
  t.is(rotated.status, 404, 'the key ended first');
  t.deepEqual(await storedKeys(room), []);
});

test('a store does not wait for another store of the owner, and an end of the owner waits for it', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const turn = credentialsTurn(await ownerIn(room));
  const isFree = async () => {
    const [row] = await room.stored.query('select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as free', [turn]);
    return row!['free'];
  };
  await room.database.unitOfWork.run({ operation: 'auth.api_key' }, async ({ query }) => {
    await shareOwnerTurn(query, turn);
    t.is((await room.json('/api-keys', wanted, bearer(access))).status, 201);
    t.is(await isFree(), false);
  });
  t.is(await isFree(), true);
});
