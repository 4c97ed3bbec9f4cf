import test from 'ava';
import { ada, signedIn, startRoom } from '../room.ts';
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

test('with required verification, the confirmed message decides about the password, not the first registration', async (t) => {
  const stranger = { ...ada, password: 'the sentence of a stranger' };
  const login = async (room: MailRoom, who: object) => (await room.json('/auth/login', who)).status;
  for (const order of [
    [stranger, ada],
    [ada, stranger],
    [stranger, ada, stranger],
  ]) {
    const room = await startMailRoom(t, { settings: { verificationRequired: true } });
    let own = '';
    for (const who of order) {
      await room.json('/auth/register', who);
      await room.work();
      if (who === ada) own = tokenFor(room, ada.email);
    }
    t.deepEqual((await confirm(room, own)).body, { status: 'verified' });
    t.is(await login(room, ada), 200);
    t.is(await login(room, stranger), 401);
    // After the proof nobody else changes the password.
    await room.json('/auth/register', stranger);
    t.is(await login(room, stranger), 401);
    t.is(await login(room, ada), 200);
  }
});

test('with required verification, a message that waited has the password of its own registration', async (t) => {
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
    const own = /vwm_[\w-]{43}/.exec(room.smtp.received[order.indexOf(ada)]!.text)![0];
    t.deepEqual((await confirm(room, own)).body, { status: 'verified' });
    t.is((await room.json('/auth/login', ada)).status, 200);
    t.is((await room.json('/auth/login', stranger)).status, 401);
    t.deepEqual(await hashes(room), [], 'a settled message has no hash');
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
  await confirm(room, tokenFor(room, ada.email));
  t.is((await room.json('/auth/login', { ...ada, password: 'the sentence of a stranger' })).status, 401);
  t.is((await room.json('/auth/login', ada)).status, 200);
});

test('the owner of a taken address is told, an unverified one gets another token', async (t) => {
  const room = await startMailRoom(t);
  await room.json('/auth/register', ada);
  await room.json('/auth/register', { ...ada, password: 'the sentence of a stranger' });
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
  t.is((await confirm(room, tokenFor(room, ada.email))).status, 200);
  t.is(await hash(), imported);
  t.is((await room.json('/auth/login', ada)).status, 200);
});
