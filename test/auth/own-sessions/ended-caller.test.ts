import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { eventually } from '#testkit/eventually.ts';
import { bob, idOf, patch, tokenOfClient } from '../administration/users.ts';
import { ada, bearer, openSession, signedIn, startRoom, type Answer, type Room } from '../room.ts';
import { craft, keys, legacyClaims } from '../setup.ts';

type Headers = Readonly<Record<string, string>>;

const changed = { current_password: ada.password, new_password: 'a different long sentence' };
const requests: Readonly<Record<string, (room: Room, headers: Headers, own: string) => Promise<Answer>>> = {
  'an end of the other sign-ins': (room, headers) =>
    room.call('/account/sessions?keep_current=true', { method: 'DELETE', headers }),
  'an end of all sign-ins': (room, headers) => room.call('/account/sessions', { method: 'DELETE', headers }),
  'an end of one sign-in': (room, headers, own) => room.call(`/account/sessions/${own}`, { method: 'DELETE', headers }),
  'a change of the password': (room, headers) => room.json('/account/password', changed, headers),
  'a change of the address': (room, headers) =>
    room.json('/account/email', { current_password: ada.password, email: 'thief@example.org' }, headers),
  'a removal of the account': (room, headers) => room.json('/account', { password: ada.password }, headers, 'DELETE'),
};

/** Locks the account until `request` waits for it, and ends the sign-in of its caller meanwhile. */
const whileEnding = async (t: ExecutionContext, room: Room, end: string, request: () => Promise<Answer>) => {
  const holder = new Client({ connectionString: room.stored.url });
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('begin; select from user_account for update');
  const answer = request();
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await eventually(async () => (await room.stored.query(waiting)).length > 0, 'the request waits for the account');
  await holder.query(end);
  await holder.query('commit');
  return answer;
};

for (const [what, send] of Object.entries(requests)) {
  test(`${what} is refused if the sign-in of its caller ends while it waits`, async (t) => {
    const room = await startRoom(t);
    const [thief, own] = [await signedIn(room), await signedIn(room)];
    const { cookie, csrf } = await openSession(room);
    const families = await room.stored.query('select id from refresh_family order by id');
    const target = String(families[1]!['id']);
    const tokens = await whileEnding(
      t,
      room,
      `insert into revoked_token select access_token_id, now(), access_expires_at from refresh_token
       where family_id = '${String(families[0]!['id'])}'`,
      () => send(room, bearer(thief.access), target),
    );
    t.like([tokens.status, tokens.body['code']], [401, 'token_revoked']);
    const session = await whileEnding(t, room, 'delete from user_session', () =>
      send(room, { cookie, 'X-CSRF-Token': csrf }, target),
    );
    t.like([session.status, session.body['code']], [401, 'credentials_missing']);
    t.is((await room.me(bearer(own.access))).status, 200, 'the sign-in of the owner stays');
    t.is((await room.json('/auth/login', ada)).status, 200);
  });
}

for (const [what, send] of Object.entries({
  'a change of a user': (room: Room, id: string, headers: Headers) => patch(room, id, { disabled: true }, headers),
  'an end of the sign-ins of a user': (room: Room, id: string, headers: Headers) =>
    room.json(`/users/${id}/sessions/revoke`, undefined, headers),
})) {
  test(`${what} is refused if the token of the administrator ends while it waits`, async (t) => {
    const room = await startRoom(t);
    const own = await signedIn(room);
    const headers = await tokenOfClient(room);
    const { jti, exp } = JSON.parse(
      Buffer.from(headers['Authorization']!.split('.')[1]!, 'base64url').toString(),
    ) as Readonly<Record<string, string>>;
    const late = await whileEnding(
      t,
      room,
      `insert into revoked_token values ('${jti}', now(), to_timestamp(${exp}))`,
      async () => send(room, await idOf(room), headers),
    );
    t.like([late.status, late.body['code']], [401, 'token_revoked']);
    t.is((await room.me(bearer(own.access))).status, 200);
  });

  test(`${what} is refused if all tokens of the client end while it waits`, async (t) => {
    const room = await startRoom(t);
    const own = await signedIn(room);
    const headers = await tokenOfClient(room);
    const late = await whileEnding(
      t,
      room,
      `insert into owner_end (owner_kind, owner_id, reason, ended_at)
       values ('client', 'desk', 'tokens_ended', now() + interval '1 minute')`,
      async () => send(room, await idOf(room), headers),
    );
    t.like([late.status, late.body['code']], [401, 'token_revoked']);
    t.is((await room.me(bearer(own.access))).status, 200);
  });

  test(`${what} is refused if the administrator loses users:admin while it waits`, async (t) => {
    const room = await startRoom(t);
    const own = await signedIn(room);
    await signedIn(room, bob);
    await room.stored.query(`update user_account set scopes = '{users:admin}' where email = $1`, [bob.email]);
    const headers = bearer((await signedIn(room, bob)).access);
    const late = await whileEnding(
      t,
      room,
      `update user_account set scopes = '{ml:read}' where email = '${bob.email}'`,
      async () => send(room, await idOf(room), headers),
    );
    t.like([late.status, late.body['code']], [403, 'scope_insufficient']);
    t.is((await room.me(bearer(own.access))).status, 200);
  });
}

test('a token of the earlier system that ends while its request waits ends no sign-in of its user', async (t) => {
  const room = await startRoom(t, { settings: { foreignUsers: false } });
  const own = await signedIn(room);
  const [user] = await room.stored.query('update user_account set legacy_id = 7 returning id, email');
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const claims = { ...legacyClaims, sub: user!['email'], id: 7, exp };
  const thief = bearer(craft({ alg: 'RS256' }, claims, keys.signing.privateKey));
  t.is((await room.me(thief)).status, 200);
  const late = await whileEnding(
    t,
    room,
    `insert into owner_end (owner_kind, owner_id, reason, ended_at, legacy_ended_at)
     values ('user', '${String(user!['id'])}', 'tokens_ended', to_timestamp(0), now())`,
    () => room.call('/account/sessions?keep_current=true', { method: 'DELETE', headers: thief }),
  );
  t.like([late.status, late.body['code']], [401, 'token_revoked']);
  t.is((await room.me(bearer(own.access))).status, 200);
});
