import test from 'ava';
import { createMayAct } from '#src/auth/owners/may-act.ts';
import { isEndedKeySql } from '#src/kernel/credentials/ended-keys.ts';
import { ownersOf } from '#testkit/accounts/owners.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { bearer, signedIn, startRoom } from '../room.ts';

test('work that a caller left behind is done while its owner is there', async (t) => {
  const room = await startRoom(t);
  const { reader } = room.database;
  const owners = ownersOf({ reader });
  const mayAct = createMayAct({ reader, owners, clock, foreignUsers: true });
  const strict = createMayAct({ reader, owners, clock, foreignUsers: false });
  const { access } = await signedIn(room);
  const { body } = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const key = `api_key:${String(body['id'])}`;
  const [user] = await room.stored.query('select id from user_account');
  const owner = `user:${String(user?.['id'])}`;
  for (const subject of [owner, key, 'client:desk']) t.true(await mayAct(subject), subject);
  t.true(await mayAct('user:user-7'));
  t.false(await strict('user:user-7'));
  for (const subject of ['client:nobody', 'api_key:00000000-0000-7000-8000-000000000000']) {
    t.false(await mayAct(subject), subject);
  }
  await room.stored.query('update api_key set revoked_at = now()');
  t.false(await mayAct(key), 'a revoked key');
  await room.stored.query('update api_key set revoked_at = null');
  await room.stored.query('delete from user_account');
  for (const subject of [owner, key]) t.false(await mayAct(subject), subject);
});

test('a key has ended when it is revoked, expired or deleted, and its text is checked', async (t) => {
  const room = await startRoom(t);
  const ask = async (ids: readonly string[]) =>
    (
      await room.stored.query(
        `select substr(subject, 9) as id from unnest($1::text[]) with ordinality as given (subject, number)
         where ${isEndedKeySql('given.subject')} order by number`,
        [ids.map((id) => `api_key:${id}`)],
      )
    ).map(({ id }) => id);
  const { access } = await signedIn(room);
  const ids: string[] = [];
  for (const name of ['live', 'revoked', 'expired']) {
    ids.push(String((await room.json('/api-keys', { name, scopes: [] }, bearer(access))).body['id']));
  }
  const deleted = '00000000-0000-7000-8000-000000000000';
  t.deepEqual(await ask(ids), []);
  await room.stored.query(`update api_key set revoked_at = now() where name = 'revoked'`);
  await room.stored.query(`update api_key set expires_at = now() - interval '1 s' where name = 'expired'`);
  t.deepEqual(await ask([...ids, deleted, 'no-uuid', `${deleted}0`]), [ids[1], ids[2], deleted]);
});
