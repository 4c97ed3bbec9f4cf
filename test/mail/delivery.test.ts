import test from 'ava';
import { recordAbuse } from '#testkit/abuse.ts';
import { ada } from '#test/auth/room.ts';
import { eventually } from '#testkit/eventually.ts';
import { startSmtpServer } from '#testkit/servers/smtp-server.ts';
import { signedInUser, startMailRoom, tokenFor, type MailRoom } from './mail-room.ts';

const ask = (room: MailRoom, email = ada.email) => room.json('/account/password-reset', { email });
const outcomes = (room: MailRoom, outcome: string): number =>
  room.metrics.value('volwatch_mail_messages_total', { kind: 'password_reset', outcome });
const states = async (room: MailRoom) =>
  (await room.stored.query('select state, attempts, error_code from mail_message order by id')).map(
    ({ state, attempts, error_code: code }) => `${String(state)} ${String(attempts)} ${String(code)}`,
  );

test('while the server is down requests are answered, and messages are sent when it is back', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  await room.smtp.stop();
  t.is((await ask(room)).status, 202);
  t.deepEqual(await room.work(), ['external_api_unavailable']);
  t.deepEqual(await states(room), ['waiting 1 external_api_unavailable']);
  t.is(outcomes(room, 'failed'), 1);
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'degraded' });
  await room.work();
  await room.work();
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'down' });
  t.deepEqual(await room.work(), ['put_back']);
  t.deepEqual(await states(room), ['waiting 3 external_api_unavailable'], 'an open circuit costs no attempt');
  const again = await startSmtpServer(t, { port: room.smtp.port });
  await eventually(async () => (await room.work()).length === 0, 'the message is sent', 10_000);
  t.is(again.received.length, 1);
  t.regex(again.received[0]!.text, /vwm_/);
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'up' });
  t.regex((await states(room))[0]!, /^sent \d+ null$/);
});

test('an open circuit costs a message an attempt when it is older than a day', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  await room.smtp.stop();
  for (let number = 0; number < 4; number += 1) await ask(room);
  await room.stored.query(`update mail_message set created_at = created_at - interval '25 hours'`);
  t.deepEqual(new Set(await room.work()), new Set(['external_api_unavailable']));
  t.deepEqual(new Set(await states(room)), new Set(['waiting 1 external_api_unavailable']));
});

test('after its last attempt a message is dead', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  await room.smtp.stop();
  await ask(room);
  t.deepEqual(await room.work({ last: true }), ['external_api_unavailable']);
  t.deepEqual(await states(room), ['dead 1 external_api_unavailable']);
  t.is(outcomes(room, 'dead'), 1);
  t.true(room.lines.some((line) => line['message'] === 'a message was not sent' && line['outcome'] === 'dead'));
});

test('a recipient that the server refuses for ever is not tried again and opens no circuit', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  room.smtp.fault = 550;
  for (let number = 0; number < 5; number += 1) await ask(room);
  t.deepEqual(await room.work(), []);
  t.deepEqual(new Set(await states(room)), new Set(['dead 1 external_api_bad_response']));
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'up' });
  t.false(JSON.stringify(room.lines).includes(ada.email), 'the answer of the server holds the address');
});

test('messages wait while a relay refuses everybody for a while, and are sent later', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  room.smtp.fault = 554;
  for (let number = 0; number < 5; number += 1) await ask(room);
  t.deepEqual(new Set(await room.work()), new Set(['external_api_bad_response']));
  t.deepEqual(new Set(await states(room)), new Set(['waiting 1 external_api_bad_response']));
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'degraded' });
  room.smtp.fault = undefined;
  t.deepEqual(await room.work(), []);
  t.is(room.smtp.received.length, 5);
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'up' });
});

/** Messages to addresses that differ. */
const register = async (room: MailRoom, names: readonly string[]): Promise<void> => {
  for (const name of names) {
    const account = { email: `${name}@example.org`, password: 'a rather long sentence' };
    await room.json('/auth/register', account);
  }
};

test('of several refused recipients in a row each is tried twice at most, with a long pause between', async (t) => {
  const room = await startMailRoom(t);
  room.smtp.fault = 550;
  await register(room, ['first', 'second', 'third', 'fourth']);
  t.deepEqual(await room.work(), ['put_back', 'put_back']);
  const refused = 'external_api_bad_response';
  const [dead, waits] = [`dead 1 ${refused}`, 'waiting 1 recipient_doubted'];
  t.deepEqual(await states(room), [dead, dead, waits, waits]);
  t.deepEqual(room.pauses, [3_600, 3_600]);
  t.like(await room.health.check(AbortSignal.timeout(1_000)), { status: 'degraded' });
  await room.stored.query(`update mail_message set created_at = created_at - interval '1 hour'`);
  t.deepEqual(await room.work(), []);
  t.deepEqual(await states(room), [dead, dead, `dead 2 ${refused}`, `dead 2 ${refused}`]);

  // The first refusal of an old message is no second one.
  await register(room, ['fifth']);
  await room.stored.query(`update mail_message set created_at = created_at - interval '2 hours'`);
  t.deepEqual(await room.work(), ['put_back']);
  room.smtp.fault = undefined;
  t.deepEqual(await room.work(), []);
  t.is((await states(room)).at(-1), 'sent 2 null');
});

test('a refused recipient is not refused twice because an earlier attempt failed in another way', async (t) => {
  const room = await startMailRoom(t);
  room.smtp.fault = 550;
  await register(room, ['first', 'second', 'third']);
  t.deepEqual(await room.work(), ['put_back']);
  await room.stored.query('delete from mail_message');
  room.smtp.fault = 554;
  await register(room, ['fourth']);
  t.deepEqual(await room.work(), ['external_api_bad_response']);
  await room.stored.query(`update mail_message set created_at = created_at - interval '2 hours'`);
  room.smtp.fault = 550;
  t.deepEqual(await room.work(), ['put_back']);
  t.deepEqual(await states(room), ['waiting 2 recipient_doubted']);
  room.smtp.fault = undefined;
  t.deepEqual(await room.work(), []);
  t.deepEqual(await states(room), ['sent 3 null']);
});

test('a recipient that was refused once is refused for the second time also after a failure of another kind', async (t) => {
  const room = await startMailRoom(t);
  room.smtp.fault = 550;
  await register(room, ['first', 'second', 'third']);
  t.deepEqual(await room.work(), ['put_back']);
  await room.stored.query(`update mail_message set created_at = created_at - interval '1 hour'`);
  room.smtp.fault = 451;
  t.deepEqual(await room.work(), ['external_api_unavailable']);
  room.smtp.fault = 550;
  t.deepEqual(await room.work(), []);
  t.is((await states(room)).at(-1), 'dead 3 external_api_bad_response');
});

test('a server that asks to come back later gets the message later and opens no circuit', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  room.smtp.fault = 451;
  for (let number = 0; number < 5; number += 1) await ask(room);
  t.deepEqual(new Set(await room.work()), new Set(['external_api_unavailable']));
  room.smtp.fault = undefined;
  t.deepEqual(await room.work(), []);
  t.is(room.smtp.received.length, 5);
});

test('a server that hangs is given up after the timeout', async (t) => {
  const room = await startMailRoom(t, { timeoutMs: 300 });
  await signedInUser(room);
  room.smtp.fault = 'hang';
  await ask(room);
  t.deepEqual(await room.work(), ['external_api_timeout']);
});

test('an address gets a max number of messages in an hour, also of simultaneous requests', async (t) => {
  const abuse = recordAbuse();
  const room = await startMailRoom(t, { limits: { maxPerRecipient: 3, abuse } });
  await signedInUser(room);
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(room)));
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
  await room.work();
  t.is(room.smtp.received.length, 3);
  t.deepEqual(
    abuse.kinds,
    Array.from({ length: 7 }, () => 'mail_by_recipient'),
  );
  t.is(outcomes(room, 'limited'), 7);
  room.advance(3_601);
  await ask(room);
  await room.work();
  t.is(room.smtp.received.length, 4);
});

test('a stranger who uses up the messages to an address does not leave its owner without a token that works', async (t) => {
  const seconds = 1_800;
  const room = await startMailRoom(t, { limits: { maxPerRecipient: 2, tokenSeconds: { password_reset: seconds } } });
  await signedInUser(room);
  const received = async () => {
    await ask(room);
    await room.work();
    return room.smtp.received.length;
  };
  t.deepEqual([await received(), await received(), await received()], [1, 2, 2]);
  room.advance(seconds - 60);
  t.is(await received(), 2, 'the newest token still works');
  room.advance(61);
  t.deepEqual([await received(), await received()], [3, 3], 'its life is over: one more message');
  room.advance(seconds + 1);
  t.is(await received(), 4);
  const token = tokenFor(room, ada.email);
  const changed = await room.json(
    '/account/password-reset',
    { token, new_password: 'a third long sentence' },
    {},
    'PUT',
  );
  t.is(changed.status, 204);
});

test('when too many messages wait, further ones are refused whoever they are for', async (t) => {
  const room = await startMailRoom(t, { limits: { maxWaiting: 8 } });
  const { access } = await signedInUser(room);
  await ask(room);
  await ask(room, 'nobody@example.org');
  for (const email of [ada.email, 'somebody@example.org']) {
    t.like((await ask(room, email)).body, { status: 429, code: 'quota_exceeded' });
  }
  await room.stored.query(`update mail_message set kind = 'password_changed'`);
  const passwords = { current_password: ada.password, new_password: 'a different long sentence' };
  const changed = await room.json('/account/password', passwords, { Authorization: `Bearer ${access}` });
  t.is(changed.status, 204, 'a notice is left out, and the change is made');
  t.is((await room.stored.query('select 1 from mail_message')).length, 2);
});

test('messages that were stored before the queues were open are enqueued by resume', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  room.queues.groups.splice(0);
  room.queues.open = false;
  for (const from of [3, 1, 2, 1]) {
    await room.json('/account/password-reset', { email: ada.email }, { 'X-Forwarded-For': `192.0.2.${from}` });
  }
  const passwords = { current_password: ada.password, new_password: 'a different long sentence' };
  await room.json('/account/password', passwords, { Authorization: `Bearer ${access}` });
  t.is(room.queues.waiting.length, 0);
  room.queues.open = true;
  await room.outbox.resume();
  const groups = room.queues.groups.map(String);
  t.is(groups.length, 5);
  t.is(new Set(groups).size, 4, 'three networks, and the user of the notice');
  t.deepEqual(await room.work(), []);
  t.true(room.smtp.received.some(({ text }) => text.includes('vwm_')));
  await room.outbox.resume();
  t.is(room.queues.waiting.length, 0);
});

test('a message whose job has ended without an outcome is sent while the service runs', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  await room.json('/account/password-reset', { email: ada.email });
  t.is(room.queues.waiting.splice(0).length, 1);
  await room.outbox.resume();
  t.like(
    room.lines.find(({ message }) => /enqueued again/.test(String(message))),
    { messages: 1 },
  );
  t.deepEqual(await room.work(), []);
  t.truthy(tokenFor(room, ada.email));
});
