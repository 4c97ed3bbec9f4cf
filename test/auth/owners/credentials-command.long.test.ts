import test from 'ava';
import { scopes } from '#src/kernel/requests/principal.ts';
import { compareState } from '#src/audit/replay.ts';
import { eventually, laterSecond } from '#testkit/eventually.ts';
import { operate, type CommandResult } from '#testkit/commands/operate.ts';
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
import { clientClaims, craft, goodHeader, keys, legacyClaims } from '../setup.ts';

/** The command, while the service runs. */
const credentials = (room: { readonly stored: { readonly url: string } }, ...words: string[]): Promise<CommandResult> =>
  operate(room.stored, 'credentials.ts', ...words);

const legacyToken = (id: string, secondsAgo = 5) => {
  const seconds = Math.floor(Date.now() / 1000);
  const times = { iat: seconds - secondsAgo, exp: seconds + 600 };
  return bearer(craft({ alg: 'RS256' }, { ...legacyClaims, ...times, id }, keys.signing.privateKey));
};

/** A signed-in user with a token of this service, a legacy token, two keys, a session and a webhook. */
const setup = async (room: Room) => {
  const { access, refresh: refreshToken } = await signedIn(room);
  const key = async () => {
    const { body } = await room.json('/api-keys', { name: 'nightly', scopes: [] }, bearer(access));
    return { id: String(body['id']), shown: { 'X-API-Key': String(body['key']) } };
  };
  const made = { first: await key(), second: await key(), session: { cookie: (await openSession(room)).cookie } };
  const [user] = await room.stored.query('select id from user_account');
  const id = String(user?.['id']);
  await room.stored.query(
    `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
     values (gen_random_uuid(), 'user', $1, 'http://127.0.0.1/', '{refresh.succeeded}', now())`,
    [id],
  );
  return { ...made, id, access: bearer(access), legacy: legacyToken(id), refreshToken };
};

const statusOf = async (room: Room, shown: Record<string, string>) => (await room.me(shown)).status;
/** Waits for the poll that ends the tokens. */
const untilRevoked = (room: Room, shown: Record<string, string>): Promise<void> =>
  eventually(async () => (await room.me(shown)).body['code'] === 'token_revoked', 'the token is refused');

// One after the other, because each command is a process that takes seconds of a core to start, and has timeouts.
test.serial('one key ends at once, on an instance that did not end it; the other lives', async (t) => {
  const room = await startRoom(t, quickCaches);
  const user = await setup(room);
  t.is((await credentials(room, 'end-key', user.first.id)).code, 0);
  t.is(await statusOf(room, user.first.shown), 401);
  t.is(await statusOf(room, user.second.shown), 200);
  for (const id of [user.first.id, 'no-uuid', '00000000-0000-7000-8000-000000000000']) {
    const again = await credentials(room, 'end-key', id);
    t.is(again.code, 1, id);
    t.regex(again.stderr, /no such API key/);
  }
  t.is((await credentials(room, 'end-keys', `user:${user.id}`)).code, 0);
  t.is(await statusOf(room, user.second.shown), 401);
  t.is(await statusOf(room, user.access), 200);
  t.deepEqual(await compareState(room.database.reader), []);
});

test.serial('all credentials of a user end; a new sign-in works', async (t) => {
  const room = await startRoom(t, quickCaches);
  const user = await setup(room);
  const other = await signedIn(room, { ...ada, email: 'bob@example.org' });
  const { code, stdout } = await credentials(room, 'end-all', `user:${ada.email.toUpperCase()}`);
  t.is(code, 0);
  t.regex(stdout, /API keys: 2, sessions: 1, refresh families: 1, webhooks: 1/);
  await untilRevoked(room, user.access);
  for (const shown of [user.access, user.legacy]) t.like((await room.me(shown)).body, { code: 'token_revoked' });
  for (const shown of [user.first.shown, user.second.shown, user.session]) t.is(await statusOf(room, shown), 401);
  t.is((await refresh(room, user.refreshToken)).status, 400);
  t.is(await statusOf(room, bearer(other.access)), 200);
  await laterSecond();
  t.is(await statusOf(room, bearer((await signedIn(room)).access)), 200);
  t.deepEqual(await compareState(room.database.reader), []);
  const actions = await auditActions(room);
  for (const action of ['user.credentials_ended', 'api_key.revoked', 'webhook.deleted']) {
    t.true(actions.includes(action), action);
  }
});

test.serial('tokens of a user without an account here end by their time of issue', async (t) => {
  const room = await startRoom(t, quickCaches);
  const token = legacyToken('user-7');
  t.is(await statusOf(room, token), 200);
  t.is((await credentials(room, 'end-all', 'user:user-7')).code, 0);
  await untilRevoked(room, token);
  await laterSecond();
  t.is(await statusOf(room, legacyToken('user-7', 0)), 200);
});

test.serial('the keys and tokens of a client end, those of the bootstrap client too', async (t) => {
  const room = await startRoom(t, quickCaches);
  const seconds = Math.floor(Date.now() / 1000);
  const claims = { ...clientClaims, scope: scopes.join(' '), iat: seconds - 5, nbf: seconds - 5, exp: seconds + 600 };
  const token = bearer(craft(goodHeader, claims, keys.signing.privateKey));
  const { body } = await room.json('/api-keys', { name: 'k', scopes: [] }, token);
  const key = { 'X-API-Key': String(body['key']) };
  t.is(await statusOf(room, key), 200);
  t.regex((await credentials(room, 'end-keys', 'client:desk')).stdout, /API keys: 1/);
  t.is(await statusOf(room, key), 401);
  t.is(await statusOf(room, token), 200);
  t.is((await credentials(room, 'end-all', 'client:desk')).code, 0);
  await untilRevoked(room, token);
});

test.serial(
  'the end of a client without a row, such as a mistyped one, says so and keeps the trail right',
  async (t) => {
    const room = await startRoom(t, quickCaches);
    await signedIn(room);
    for (const owner of ['client:desk', 'client:mistyped', 'user:mistyped']) {
      const { code, stdout } = await credentials(room, 'end-all', owner);
      t.is(code, 0);
      t.regex(stdout, /No (user|client) with this id is stored here/, owner);
    }
    t.notRegex((await credentials(room, 'end-all', `user:${ada.email}`)).stdout, /is stored here/);
    t.deepEqual(await compareState(room.database.reader), []);
  },
);

test.serial('a disabled user holds nothing and cannot sign in, until enabled', async (t) => {
  const room = await startRoom(t, quickCaches);
  const user = await setup(room);
  t.is((await credentials(room, 'disable', `user:${user.id}`)).code, 0);
  await untilRevoked(room, user.access);
  t.like((await room.me(user.legacy)).body, { code: 'credential_owner_gone' });
  t.is((await room.json('/auth/login', ada)).status, 401);
  t.is((await credentials(room, 'end-all', `user:${user.id}`)).code, 0);
  t.is((await room.json('/auth/login', ada)).status, 401, 'ending credentials does not enable');
  t.is((await credentials(room, 'enable', `user:${user.id}`)).code, 0);
  t.is((await credentials(room, 'enable', `user:${user.id}`)).code, 1);
  await laterSecond();
  t.like((await room.me(user.legacy)).body, { code: 'token_revoked' }, 'what had ended stays ended');
  t.is(await statusOf(room, bearer((await signedIn(room)).access)), 200);
});

test.serial('an erased user leaves the id in events and nothing else', async (t) => {
  const room = await startRoom(t, quickCaches);
  const user = await setup(room);
  const { stored } = room;
  await stored.query(`insert into account_profile (user_id, version, updated_at) values ($1, 1, now())`, [user.id]);
  await stored.query(`insert into account_settings (user_id, version, updated_at) values ($1, 1, now())`, [user.id]);
  for (const subject of [`user:${user.id}`, `api_key:${user.first.id}`, 'client:desk']) {
    await stored.query(
      `insert into pricing_job (id, subject, status, created_at) values (gen_random_uuid(), $1, 'open', now())`,
      [subject],
    );
    await stored.query(
      `insert into idempotency_key (subject, key_hash, fingerprint, owner, lease_until, expires_at)
       values ($1, 'h', 'f', gen_random_uuid(), now(), now())`,
      [subject],
    );
  }
  t.is((await credentials(room, 'erase', `user:${ada.email}`)).code, 0);
  await eventually(async () => (await statusOf(room, user.access)) === 401, 'the token is refused');
  for (const table of [
    'user_account',
    'user_session',
    'refresh_family',
    'refresh_token',
    'sign_in_place',
    'webhook',
    'account_profile',
    'account_settings',
  ]) {
    t.is((await stored.query(`select 1 from ${table}`)).length, 0, table);
  }
  for (const table of ['pricing_job', 'idempotency_key']) {
    t.deepEqual(await stored.query(`select subject from ${table}`), [{ subject: 'client:desk' }], table);
  }
  // The rows of keys stay, because events name their ids. Their names, which the user chose, are replaced.
  t.is((await stored.query(`select 1 from api_key where name <> 'erased'`)).length, 0);
  for (const shown of [user.access, user.legacy, user.first.shown, user.session])
    t.is(await statusOf(room, shown), 401);
  t.deepEqual(await compareState(room.database.reader), []);
  t.is((await credentials(room, 'erase', `user:${user.id}`)).code, 1);
  t.is(await statusOf(room, bearer((await signedIn(room)).access)), 200, 'the address is free again');
});

test.serial('wrong arguments exit with 64 before the database is opened', async (t) => {
  // Nothing listens on port 1, so a command that opens the database would not exit with 64.
  const room = { stored: { url: 'postgres://volwatch@127.0.0.1:1/volwatch' } };
  for (const words of [[], ['nonsense', 'x'], ['end-key'], ['end-all', 'user:a', 'b'], ['--nonsense']]) {
    const { code, stderr } = await credentials(room, ...words);
    t.is(code, 64, words.join(' '));
    t.regex(stderr, /usage: npm run credentials/);
  }
});

test.serial('an unknown owner exits with 1, and a client in place of a user with 64', async (t) => {
  const room = await startRoom(t);
  for (const owner of ['ada', 'user:nobody@example.org', 'group:1']) {
    t.is((await credentials(room, 'end-all', owner)).code, 1, owner);
  }
  t.is((await credentials(room, 'disable', 'client:desk')).code, 64);
});
