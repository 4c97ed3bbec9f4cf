import test from 'ava';
import { ada, auditActions, bearer, refresh, startRoom, type Room } from './room.ts';
import { quickHashing } from './setup.ts';

test('an account from nothing: registered, signed in, recognised, signed out', async (t) => {
  const room = await startRoom(t);
  const registered = await room.json('/auth/register', ada);
  t.is(registered.status, 202);
  t.deepEqual(registered.body, { status: 'accepted' });

  const { status, body, headers } = await room.json('/auth/login', ada);
  t.is(status, 200);
  t.is(headers.get('cache-control'), 'no-store');
  t.is(headers.get('set-cookie'), null);
  t.like(body, { token_type: 'Bearer', expires_in: 900, scope: 'ml:read' });
  const token = bearer(body['access_token']);
  const me = await room.me(token);
  const [user] = await room.stored.query('select * from user_account');
  t.deepEqual(me.body, {
    subject: user?.['id'],
    kind: 'user',
    email: ada.email,
    role: 'user',
    scopes: ['ml:read'],
    token_format: 'enhanced',
  });
  t.regex(String(user?.['password_hash']), /^\$argon2id\$v=19\$m=64,t=1,p=1\$/);

  t.is((await room.call('/auth/logout', { method: 'POST', headers: token })).status, 204);
  t.like((await room.me(token)).body, { code: 'token_revoked' });
  t.like((await refresh(room, String(body['refresh_token']))).body, { error: 'invalid_grant' });
  t.deepEqual(await auditActions(room), ['user.registered', 'user.signed_in', 'user.signed_out']);
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'login', outcome: 'ok' }), 1);
  t.is(room.metrics.value('volwatch_db_transactions_total', { operation: 'auth.login', outcome: 'committed' }), 1);
});

test('a taken address is answered alike and keeps its password', async (t) => {
  const room = await startRoom(t);
  await room.json('/auth/register', ada);
  const again = await room.json('/auth/register', { email: ' ADA@Example.org', password: 'another long sentence' });
  t.is(again.status, 202);
  t.deepEqual(again.body, { status: 'accepted' });
  t.is((await room.stored.query('select 1 from user_account')).length, 1);
  t.is((await room.json('/auth/login', { ...ada, password: 'another long sentence' })).status, 401);
  t.is((await room.json('/auth/login', { ...ada, email: ' Ada@EXAMPLE.org ' })).status, 200);
});

test('a wrong password and an unknown address cannot be told apart', async (t) => {
  const room = await startRoom(t);
  await room.json('/auth/register', ada);
  const wrong = await room.json('/auth/login', { ...ada, password: 'not the right one' });
  const unknown = await room.json('/auth/login', { ...ada, email: 'nobody@example.org' });
  for (const { status, body, headers } of [wrong, unknown]) {
    t.is(status, 401);
    t.like(body, { code: 'credentials_invalid', detail: 'Wrong e-mail or password', category: 'authentication' });
    t.is(headers.get('www-authenticate'), 'Bearer');
  }
  t.deepEqual(Object.keys(wrong.body).sort(), Object.keys(unknown.body).sort());
  t.is(room.metrics.value('volwatch_auth_failures_total', { reason: 'credentials_invalid' }), 2);
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'login', outcome: 'refused' }), 2);
  await room.recorded();
  const refusals = await room.stored.query(
    `select stream from audit_event where action = 'user.sign_in_refused' order by id`,
  );
  t.deepEqual(
    refusals.map(({ stream }) => String(stream).split(':')[0]),
    ['user', 'sign_in'],
  );
});

test.serial('sign-ins to known and unknown accounts take the same time', async (t) => {
  const room = await startRoom(t, { settings: { hashing: { ...quickHashing, memoryKib: 19_456, passes: 2 } } });
  await room.json('/auth/register', ada);
  const timed = async (email: string): Promise<number> => {
    const start = performance.now();
    await room.json('/auth/login', { email, password: 'not the right one' });
    return performance.now() - start;
  };
  const known: number[] = [];
  const unknown: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    known.push(await timed(ada.email));
    unknown.push(await timed('nobody@example.org'));
  }
  // The least of each: whatever else the machine does only ever adds.
  const ratio = Math.min(...known) / Math.min(...unknown);
  t.true(ratio > 0.5 && ratio < 2, `known/unknown ${ratio}`);
  // Both refusals are answered at a multiple of 100 ms.
  for (const ms of [...known, ...unknown]) t.true(ms >= 95, `${ms} ms`);
});

const passwords: [string, string, string | undefined][] = [
  ['seven characters', 'x7#kQ9!', 'invalid_length'],
  ['seven characters of two code units', '🦀🐙🦑🦐🦞🐡🐠', 'invalid_length'],
  ['eight characters', 'x7#kQ9!v', undefined],
  ['200 characters with blanks', 'correct horse battery staple '.repeat(7).trim(), undefined],
  ['257 characters', 'xy'.repeat(129), 'invalid_length'],
  ['no digits, no capitals, no signs', 'an ordinary phrase', undefined],
  ['a well-known one', 'password1', 'password_common'],
  ['a well-known one in capitals', 'ILOVEYOU', 'password_common'],
  ['one character again and again', 'zzzzzzzzzzzz', 'password_common'],
  ['the address itself', 'ada.lovelace@host-9.example.org', 'password_guessable'],
  ['the local part', 'Ada.Lovelace', 'password_guessable'],
  ['the name of the service', 'Volwatch2026', 'password_guessable'],
];
test('passwords by their length and by how well they are known', async (t) => {
  const room = await startRoom(t);
  for (const [index, [what, password, refusal]] of passwords.entries()) {
    // A new address each time, whose local part is the same.
    const who = { email: `ada.lovelace@host-${index}.example.org`, password };
    const { status, body } = await room.json('/auth/register', who);
    if (refusal === undefined) {
      t.is(status, 202, what);
      t.is((await room.json('/auth/login', who)).status, 200, what);
    } else {
      t.is(status, 422, what);
      t.like(body, { code: 'validation_failed', errors: [{ pointer: '/password', code: refusal }] }, what);
    }
  }
  const accepted = passwords.filter(([, , refusal]) => refusal === undefined).length;
  t.is((await room.stored.query('select 1 from user_account')).length, accepted);
});

test('a password is the same however it is composed', async (t) => {
  const room = await startRoom(t);
  await room.json('/auth/register', { ...ada, password: 'Ångström-größe' });
  t.is((await room.json('/auth/login', { ...ada, password: 'Ångström-größe'.normalize('NFD') })).status, 200);
});

test('registration refuses what is no address and password, and nothing else', async (t) => {
  const room = await startRoom(t);
  const bodies = {
    'no address': { password: ada.password },
    'no password': { email: ada.email },
    'an address without a host': { ...ada, email: 'ada' },
    'a number for a password': { ...ada, password: 12345678 },
    'an empty password': { ...ada, password: '' },
    'an unknown member': { ...ada, role: 'admin' },
    'an address of 300 characters': { ...ada, email: `${'a'.repeat(290)}@example.org` },
  };
  for (const [what, body] of Object.entries(bodies)) {
    const answer = await room.json('/auth/register', body);
    t.is(answer.status, 422, what);
    t.is(answer.body['code'], 'validation_failed', what);
  }
});

test('a password hashed with other parameters is hashed anew at the next sign-in', async (t) => {
  const room = await startRoom(t);
  await room.json('/auth/register', ada);
  const stronger = await startRoom(t, { beside: room, settings: { hashing: { ...quickHashing, passes: 3 } } });
  t.is((await stronger.json('/auth/login', ada)).status, 200);
  const hash = async () =>
    String((await room.stored.query('select password_hash from user_account'))[0]?.['password_hash']);
  const rehashed = await hash();
  t.regex(rehashed, /t=3/);
  t.is((await stronger.json('/auth/login', ada)).status, 200);
  t.is(await hash(), rehashed);
  t.is((await auditActions(room)).filter((action) => action === 'user.password_rehashed').length, 1);
});

test('beyond the queue sign-ins are 503 at once, and the others still get their answer', async (t) => {
  const hashing = { ...quickHashing, memoryKib: 65_536, passes: 3, concurrency: 1, queue: 1 };
  const room = await startRoom(t, { settings: { hashing } });
  await room.json('/auth/register', ada);
  const answers = await Promise.all(Array.from({ length: 8 }, () => room.json('/auth/login', ada)));
  const shed = answers.filter(({ status }) => status === 503);
  t.true(shed.length >= 4);
  t.true(answers.filter(({ status }) => status === 200).length >= 2);
  for (const { body, headers } of shed) {
    t.is(body['code'], 'overloaded');
    t.is(headers.get('retry-after'), '1');
  }
});

test('twenty people registering one address at once make one account', async (t) => {
  const room: Room = await startRoom(t);
  const answers = await Promise.all(Array.from({ length: 20 }, () => room.json('/auth/register', ada)));
  t.true(answers.every(({ status }) => status === 202));
  t.is((await room.stored.query('select 1 from user_account')).length, 1);
  const actions = await auditActions(room);
  t.is(actions.filter((action) => action === 'user.registered').length, 1);
  t.true(actions.every((action) => ['user.registered', 'user.registration_refused'].includes(action)));
});

test('a client signs out by ending its token; a key cannot sign out', async (t) => {
  const room = await startRoom(t);
  const granted = await room.form('/auth/token', {
    grant_type: 'client_credentials',
    client_id: 'desk',
    client_secret: 'bootstrap secret',
  });
  t.is(granted.body['refresh_token'], undefined, 'RFC 6749 section 4.4.3');
  const token = bearer(granted.body['access_token']);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, token);
  const keyed = { 'X-API-Key': String(key.body['key']) };
  t.is((await room.call('/auth/logout', { method: 'POST', headers: keyed })).status, 204);
  t.is((await room.me(keyed)).status, 200);
  t.is((await room.call('/auth/logout', { method: 'POST', headers: token })).status, 204);
  t.like((await room.me(token)).body, { code: 'token_revoked' });
});
