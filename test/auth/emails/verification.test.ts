import test from 'ava';
import { ada, bearer, openSession, signedIn, startRoom } from '../room.ts';
import { quickHashing } from '../setup.ts';
import { startMailRoom, tokenFor, type MailRoom } from '#test/mail/mail-room.ts';

const confirm = (room: MailRoom, token: string) => room.json('/account/email', { token }, {}, 'PUT');

test('with required verification a sign-in works only after it, and is refused as a wrong password before', async (t) => {
  const room = await startMailRoom(t, { settings: { verificationRequired: true } });
  await room.json('/auth/register', ada);
  const early = await room.json('/auth/login', ada);
  const wrong = await room.json('/auth/login', { ...ada, password: 'not the right one' });
  const unknown = await room.json('/auth/login', { ...ada, email: 'nobody@example.org' });
  for (const { status, body } of [early, wrong, unknown]) {
    t.is(status, 401);
    t.is(body['detail'], early.body['detail']);
    t.is(body['code'], 'credentials_invalid');
  }
  await room.work();
  t.deepEqual((await confirm(room, tokenFor(room, ada.email))).body, { status: 'verified' });
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test('with required verification, registering and signing in does not reveal whether an address was free', async (t) => {
  const room = await startMailRoom(t, { settings: { verificationRequired: true } });
  await room.json('/auth/register', ada);
  await room.work();
  await confirm(room, tokenFor(room, ada.email));
  const probe = async (email: string) => {
    const password = 'the sentence of a stranger';
    const registered = await room.json('/auth/register', { email, password });
    const { status, body } = await room.json('/auth/login', { email, password });
    return [registered.status, registered.body, status, body['code'], body['detail']];
  };
  t.deepEqual(await probe(ada.email), await probe('free@example.org'));
});

test('with required verification, an address that two people register is proved only by a reset, which decides about the password', async (t) => {
  const stranger = { ...ada, password: 'the sentence of a stranger' };
  const login = async (room: MailRoom, who: object) => (await room.json('/auth/login', who)).status;
  for (const order of [
    [stranger, ada],
    [ada, stranger],
    [stranger, ada, stranger],
  ]) {
    const room = await startMailRoom(t, { settings: { verificationRequired: true } });
    const tokens: string[] = [];
    for (const who of order) {
      await room.json('/auth/register', who);
      await room.work();
      tokens.push(tokenFor(room, ada.email));
    }
    for (const token of tokens) t.is((await confirm(room, token)).body['code'], 'account_token_invalid');
    const reset = { token: tokens.at(-1)!, new_password: ada.password };
    t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
    t.is(await login(room, ada), 200);
    t.is(await login(room, stranger), 401);
    // After the proof nobody else changes the password.
    await room.json('/auth/register', stranger);
    t.is(await login(room, stranger), 401);
    t.is(await login(room, ada), 200);
  }
});

test('with required verification, messages that waited until somebody else registered the address do not confirm it', async (t) => {
  const stranger = { ...ada, password: 'the sentence of a stranger' };
  const hashes = (room: MailRoom) => room.stored.query('select 1 from mail_message where password_hash is not null');
  for (const order of [
    [ada, stranger],
    [stranger, ada],
  ]) {
    const room = await startMailRoom(t, { settings: { verificationRequired: true } });
    for (const who of order) await room.json('/auth/register', who);
    t.is((await hashes(room)).length, order.length);
    // The first attempt of each message fails, so the messages are written again after all the registrations.
    room.smtp.fault = 450;
    await room.work();
    t.is((await hashes(room)).length, order.length, 'the hash stays for the next attempt');
    room.smtp.fault = undefined;
    await room.work();
    const subjects = room.smtp.received.map(({ headers }) => headers['subject']);
    t.deepEqual(subjects, Array(2).fill('Choose a password for your account'));
    t.is((await room.json('/auth/login', stranger)).status, 401);
    t.deepEqual(await hashes(room), [], 'a settled message has no hash');
  }
});

test('a form that is sent twice, also at the same time, contests nothing', async (t) => {
  for (const verificationRequired of [true, false]) {
    const room = await startMailRoom(t, { settings: { verificationRequired } });
    const register = () => room.json('/auth/register', ada);
    await Promise.all([register(), register(), register()]);
    await room.stored.query(`update user_account set created_at = created_at - interval '2 minutes'`);
    await register();
    await room.work();
    for (const { headers } of room.smtp.received) t.is(headers['subject'], 'Confirm your e-mail address');
    t.deepEqual((await confirm(room, tokenFor(room, ada.email))).body, { status: 'verified' });
    t.is((await room.json('/auth/login', ada)).status, 200);
  }
});

test('a message of registration that is given up or dropped has no hash any more', async (t) => {
  const room = await startMailRoom(t, { settings: { verificationRequired: true } });
  const settled = () => room.stored.query('select state, password_hash from mail_message order by id');
  await room.json('/auth/register', ada);
  room.smtp.fault = 450;
  await room.work({ last: true });
  t.deepEqual(await settled(), [{ state: 'dead', password_hash: null }]);
  await room.json('/auth/register', ada);
  await room.stored.query('delete from user_account');
  await room.work();
  t.deepEqual((await settled())[1], { state: 'dropped', password_hash: null });
});

test('without required verification a second registration changes no password', async (t) => {
  const room = await startMailRoom(t);
  await room.json('/auth/register', ada);
  await room.json('/auth/register', { ...ada, password: 'the sentence of a stranger' });
  await room.work();
  t.is((await room.json('/auth/login', { ...ada, password: 'the sentence of a stranger' })).status, 401);
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test('somebody who registers and uses the address of another person keeps nothing when its owner registers', async (t) => {
  const stranger = { ...ada, password: 'the sentence of a stranger' };
  const room = await startMailRoom(t);
  await room.json('/auth/register', stranger);
  await room.work();
  const early = tokenFor(room, ada.email);
  const { body } = await room.json('/auth/login', stranger);
  const authorization = { Authorization: `Bearer ${String(body['access_token'])}` };
  const key = await room.json('/api-keys', { name: 'k', scopes: ['ml:read'] }, authorization);
  await room.stored.query(
    `insert into user_second_factor (user_id, secret, created_at, confirmed_at) select id, 'none', now(), now() from user_account`,
  );

  await room.json('/auth/register', ada);
  await room.work();
  // Also a message that the stranger asks for now does not confirm the address for him.
  await room.json('/account/email', { email: ada.email, current_password: stranger.password }, authorization);
  await room.work();
  const subjects = room.smtp.received.map(({ headers }) => headers['subject']);
  t.deepEqual(subjects, ['Confirm your e-mail address', ...Array(2).fill('Choose a password for your account')]);
  const token = tokenFor(room, ada.email);
  for (const each of [early, token]) t.is((await confirm(room, each)).body['code'], 'account_token_invalid');

  t.is((await room.json('/account/password-reset', { token, new_password: ada.password }, {}, 'PUT')).status, 204);
  t.is((await room.json('/auth/login', ada)).status, 200);
  t.is((await room.json('/auth/login', stranger)).status, 401);
  t.is((await room.me(authorization)).status, 401);
  t.is((await room.me({ 'X-API-Key': String(key.body['key']) })).status, 401);
  await room.json('/auth/register', stranger);
  await room.work();
  t.is(room.smtp.received.at(-1)!.headers['subject'], 'Your address was used');
});

test('where addresses must be verified, messages of a stranger do not give his password to the owner of the address', async (t) => {
  const stranger = { ...ada, password: 'the sentence of a stranger' };
  const room = await startMailRoom(t, { settings: { verificationRequired: true } });
  // The messages of the stranger use up the limit of the address, so its owner gets none for his registration.
  for (let sent = 0; sent < 5; sent += 1) await room.json('/auth/register', stranger);
  await room.work();
  await room.json('/auth/register', ada);
  await room.work();
  t.is(room.smtp.received.length, 5);
  const tokens = room.smtp.received.map(({ text }) => /vwm_[\w-]{43}/.exec(text)![0]);
  for (const token of tokens) t.is((await confirm(room, token)).body['code'], 'account_token_invalid');

  await room.stored.query(`update mail_message set created_at = created_at - interval '2 hours'`);
  await room.json('/auth/register', ada);
  await room.work();
  t.is(room.smtp.received.at(-1)!.headers['subject'], 'Choose a password for your account');
  const reset = { token: tokenFor(room, ada.email), new_password: ada.password };
  t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
  t.is((await room.json('/auth/login', ada)).status, 200);
  t.is((await room.json('/auth/login', stranger)).status, 401);
});

test('a registration that is sent twice is one of the same person', async (t) => {
  const room = await startMailRoom(t);
  await room.json('/auth/register', ada);
  await room.json('/auth/register', ada);
  await room.work();
  t.deepEqual((await confirm(room, tokenFor(room, ada.email))).body, { status: 'verified' });
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test('the owner of a taken address is told, an unverified one gets another token', async (t) => {
  const room = await startMailRoom(t);
  await room.json('/auth/register', ada);
  await room.json('/auth/register', ada);
  await room.work();
  const subjects = () => room.smtp.received.map(({ headers }) => headers['subject']);
  t.deepEqual(subjects(), ['Confirm your e-mail address', 'Confirm your e-mail address']);
  await confirm(room, tokenFor(room, ada.email));
  await room.json('/auth/register', { ...ada, password: 'the sentence of a stranger' });
  await room.work();
  t.is(subjects()[2], 'Your address was used');
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test('a reset verifies the address, because its message arrived', async (t) => {
  const room = await startMailRoom(t, { settings: { verificationRequired: true } });
  await room.json('/auth/register', ada);
  room.queues.waiting.splice(0);
  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const next = 'a different long sentence';
  const token = tokenFor(room, ada.email);
  t.is((await room.json('/account/password-reset', { token, new_password: next }, {}, 'PUT')).status, 204);
  t.is((await room.json('/auth/login', { ...ada, password: next })).status, 200);
});

test('without mail a registration works as before and stores no message', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  t.is((await room.stored.query('select 1 from mail_message')).length, 0);
});

test.serial('registrations of free and taken addresses take the same time', async (t) => {
  const room = await startMailRoom(t, {
    settings: { hashing: { ...quickHashing, memoryKib: 19_456, passes: 2 } },
    limits: { maxPerRecipient: 1_000 },
  });
  await room.json('/auth/register', ada);
  const timed = async (email: string): Promise<number> => {
    const start = performance.now();
    await room.json('/auth/register', { email, password: ada.password });
    return performance.now() - start;
  };
  const taken: number[] = [];
  const free: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    taken.push(await timed(ada.email));
    free.push(await timed(`free-${round}@example.org`));
  }
  const ratio = Math.min(...taken) / Math.min(...free);
  t.true(ratio > 0.5 && ratio < 2, `taken/free ${ratio}`);
  // Both are released at a multiple of 100 ms.
  for (const ms of [...taken, ...free]) t.true(ms >= 95, `${ms} ms`);
});

test('the account of a user of the earlier system keeps its password, whoever registers its address', async (t) => {
  const room = await startMailRoom(t, { settings: { verificationRequired: true } });
  await room.json('/auth/register', ada);
  await room.stored.query('update user_account set legacy_id = 7');
  const hash = async () => (await room.stored.query('select password_hash from user_account'))[0]?.['password_hash'];
  const imported = await hash();
  await room.work();
  room.smtp.received.splice(0);
  await room.json('/auth/register', { ...ada, password: 'chosen by somebody else' });
  t.is(await hash(), imported);
  await room.work();
  t.is((await confirm(room, tokenFor(room, ada.email))).body['code'], 'account_token_invalid');
  t.is(await hash(), imported);
});

test('where addresses must be verified from now on, what users without a verified one have works only after they verify it', async (t) => {
  const before = await startMailRoom(t);
  const { access } = await signedIn(before);
  const { cookie } = await openSession(before);
  const key = await before.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const settings = { ownerCacheMs: 0, verificationRequired: true };
  const room = await startRoom(t, { beside: before, settings });
  const credentials = [bearer(access), { Cookie: cookie }, { 'X-API-Key': String(key.body['key']) }];
  const ask = () => Promise.all(credentials.map((headers) => room.call('/auth/me', { headers })));
  for (const { status, body } of await ask()) {
    t.like({ status, code: body['code'] }, { status: 401, code: 'credential_owner_gone' });
    t.regex(String(body['detail']), /not verified/);
  }
  await before.work();
  t.deepEqual((await confirm(before, tokenFor(before, ada.email))).body, { status: 'verified' });
  t.deepEqual(
    (await ask()).map(({ status }) => status),
    [200, 200, 200],
  );
});
