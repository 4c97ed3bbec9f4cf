import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { operate, type CommandResult } from '#testkit/commands/operate.ts';
import { ada, bearer, openSession, quickCaches, signedIn, startRoom, type Room } from '../room.ts';

/** The command, beside the service. */
const user = (
  room: Room,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> => operate({ url: room.stored.url, environment }, 'user.ts', ...words);

// One after the other, because each command is a process that takes seconds of a core to start, and has timeouts.
test.serial(
  'the first administrator: a registered user gets the role from an operator, and can then use the routes',
  async (t) => {
    const room = await startRoom(t, quickCaches);
    await signedIn(room);
    const session = { cookie: (await openSession(room)).cookie };
    t.is((await room.call('/users', { headers: session })).status, 403);
    const { code, stdout } = await user(room, ['role', ada.email.toUpperCase(), 'admin']);
    t.is(code, 0);
    t.regex(
      stdout,
      /ada@example\.org\tadmin\taccount:ml:read\tholds:market:refresh,market:manage,ml:read,audit:read,users:admin\tenabled/,
    );
    await eventually(async () => (await room.call('/users', { headers: session })).status === 200, 'the role applies');
    const [event] = await room.stored.query(`select actor_kind, data from audit_event where action = 'user.changed'`);
    t.like(event, { actor_kind: 'operator', data: { role: 'admin', previous_role: 'user' } });
  },
);

test.serial('scopes are granted and withdrawn; what the role gives is named', async (t) => {
  const room = await startRoom(t, quickCaches);
  await signedIn(room);
  const session = { cookie: (await openSession(room)).cookie };
  const scopes = async () => String((await room.me(session)).body['scopes']);
  t.is((await user(room, ['grant', ada.email, 'market:refresh', 'audit:read'])).code, 0);
  await eventually(async () => (await scopes()) === 'market:refresh,ml:read,audit:read', 'the scopes apply');
  t.is((await user(room, ['withdraw', ada.email, 'market:refresh', 'ml:read'])).code, 0);
  await eventually(async () => (await scopes()) === 'audit:read', 'the scopes are gone');
  const roles = { ROLES: '{"user":["audit:read"],"boss":["users:admin"]}' };
  const kept = await user(room, ['withdraw', ada.email, 'audit:read'], roles);
  t.regex(kept.stdout, /The role user still gives audit:read/);
  t.is((await user(room, ['role', ada.email, 'boss'], roles)).code, 0);
  t.regex((await user(room, ['list', '--role', 'boss'], roles)).stdout, /\tboss\taccount:-\tholds:users:admin\t/);
  t.is((await user(room, ['role', ada.email, 'user'], roles)).code, 0, 'an operator can change the last administrator');
  t.regex((await user(room, ['show', ada.email])).stdout, /ada@example\.org\tuser/);
});

test.serial('disable, enable and end-sessions act beside the service', async (t) => {
  const room = await startRoom(t, quickCaches);
  const { access } = await signedIn(room);
  t.regex((await user(room, ['end-sessions', ada.email])).stdout, /sessions: 0, refresh families: 1/);
  await eventually(async () => (await room.me(bearer(access))).status === 401, 'the token is refused');
  t.regex((await user(room, ['disable', ada.email])).stdout, /disabled/);
  t.is((await room.json('/auth/login', ada)).status, 401);
  t.is((await user(room, ['enable', ada.email])).code, 0);
  t.is((await user(room, ['remove-totp', ada.email])).code, 1);
  await room.stored.query(
    `insert into user_second_factor (user_id, secret, created_at, confirmed_at) select id, 'v1', now(), now() from user_account`,
  );
  t.like((await room.json('/auth/login', ada)).body, { code: 'second_factor_required' });
  t.is((await user(room, ['remove-totp', ada.email])).code, 0);
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test.serial('mistakes are refused with the usage, unknown users with their own message', async (t) => {
  const room = await startRoom(t, quickCaches);
  const mistakes = [
    [],
    ['nonsense', 'x'],
    ['grant', 'x'],
    ['grant', 'x', 'root'],
    ['role', 'x', 'nobody'],
    ['show', 'x', 'y'],
  ];
  for (const words of mistakes) {
    const { code, stderr } = await user(room, words);
    t.is(code, 64, words.join(' '));
    t.regex(stderr, /usage: npm run user/);
  }
  for (const name of ['nobody@example.org', '00000000-0000-7000-8000-000000000000']) {
    const { code, stderr } = await user(room, ['grant', name, 'ml:read']);
    t.is(code, 1);
    t.regex(stderr, /There is no such user/);
  }
});

test.serial(
  'where the service has sent mail, an address without proof gets no rights, also without SMTP_URL',
  async (t) => {
    const room = await startRoom(t, quickCaches);
    await signedIn(room);
    await room.stored.query(
      `insert into mail_message (id, kind, recipient, state, attempts, created_at, settled_at)
     values (gen_random_uuid(), 'registration', 'ada@example.org', 'sent', 1, now(), now())`,
    );
    const refused = await user(room, ['role', ada.email, 'admin']);
    t.is(refused.code, 1);
    t.regex(refused.stderr, /must confirm the address/);
    t.is((await user(room, ['role', ada.email, 'user'])).code, 0, 'no rights are gained');
    await room.stored.query(`update user_account set email_verified_at = now()`);
    t.is((await user(room, ['role', ada.email, 'admin'])).code, 0);
  },
);
