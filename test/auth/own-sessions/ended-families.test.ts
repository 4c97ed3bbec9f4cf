import anyTest from 'ava';
import { observeWork } from '../same-work/observed-work.ts';
import { bearer, quickCaches, refresh, signedIn, startRoom, type Room } from '../room.ts';

/** One after the other, because the work of all requests of the process is observed. */
const test = anyTest.serial;

const insertsOf = (statements: readonly string[]): number =>
  statements.filter((text) => text.includes('insert into revoked_token')).length;

const endOthers = (room: Room, access: string) => (headers: Record<string, string>) =>
  room.call('/account/sessions?keep_current=true', { method: 'DELETE', headers: { ...bearer(access), ...headers } });

test('an end of sign-ins reads only the tokens of those that it ends', async (t) => {
  const room = await startRoom(t, quickCaches);
  const observed = observeWork(t);
  const [first, own] = [await signedIn(room), await signedIn(room)];
  await refresh(room, first.refresh);
  const revoked = async () =>
    (await room.stored.query('select count(*)::int as tokens from revoked_token'))[0]!['tokens'];
  const ended = await observed.of(endOthers(room, own.access));
  t.is(insertsOf(ended.statements), 1);
  t.is(await revoked(), 2, 'both tokens of the other sign-in');
  // Without the rows of revocations a statement that reads the tokens of ended sign-ins would store them again.
  await room.stored.query('delete from revoked_token');
  const again = await observed.of(endOthers(room, own.access));
  t.is(insertsOf(again.statements), 0, 'nothing was left to end');
  const second = await signedIn(room);
  const further = await observed.of(endOthers(room, own.access));
  t.is(insertsOf(further.statements), 1);
  t.is(await revoked(), 1, 'only the token of the third sign-in');
  t.is((await room.me(bearer(second.access))).status, 401);
});

test('a new sign-in beyond the max number reads only the tokens of the sign-in that it ends', async (t) => {
  const room = await startRoom(t, { settings: { maxFamiliesPerUser: 1 } });
  await signedIn(room);
  await signedIn(room);
  await room.stored.query('delete from revoked_token');
  const { access } = await signedIn(room);
  t.is((await room.stored.query('select 1 from revoked_token')).length, 1);
  t.is((await room.me(bearer(access))).status, 200);
});

test('the end of a sign-in that has ended is one read, by each of its refresh tokens', async (t) => {
  const room = await startRoom(t, quickCaches);
  const observed = observeWork(t);
  const { refresh: spent } = await signedIn(room);
  const { body } = await refresh(room, spent);
  const revoke = (token: string) => observed.of((headers) => room.form('/auth/revoke', { token }, headers));
  const first = await revoke(spent);
  t.is(insertsOf(first.statements), 1);
  await room.stored.query('delete from revoked_token');
  for (const token of [spent, String(body['refresh_token'])]) {
    const { statements } = await revoke(token);
    t.is(statements.length, 1, statements.join('\n'));
  }
  t.deepEqual(await room.stored.query('select 1 from revoked_token'), []);
});

test('a sign-out with a token of an ended sign-in revokes no other token again', async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  await refresh(room, token);
  await room.stored.query(`update refresh_family set revoked_at = now(), revoked_reason = 'signed_out'`);
  t.is((await room.call('/auth/logout', { method: 'POST', headers: bearer(access) })).status, 204);
  t.is((await room.stored.query('select 1 from revoked_token')).length, 1, 'its own');
});

test('tokens that ended long ago are not read, however many a sign-in has', async (t) => {
  const room = await startRoom(t, quickCaches);
  const [other, own] = [await signedIn(room), await signedIn(room)];
  await room.stored.query(
    `insert into refresh_token select (jsonb_populate_record(token, jsonb_build_object(
       'token_hash', '\\x' || encode(sha256(number::text::bytea), 'hex'), 'access_token_id', gen_random_uuid(),
       'created_at', now() - interval '2 days'))).*
     from refresh_token as token, generate_series(1, 1000) as number
     where family_id = (select id from refresh_family order by id limit 1) and token_hash <> sha256(number::text::bytea)`,
  );
  t.is((await endOthers(room, own.access)({})).status, 204);
  // They would be stored too if they were read, because the test gives them the time of expiry of the newest one.
  t.is((await room.stored.query('select 1 from revoked_token')).length, 1);
  t.like((await room.me(bearer(other.access))).body, { code: 'token_revoked' });
});
