import { policiesWith } from '#testkit/rate-limits.ts';
import { createHmac } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { LogFields, Logger } from '#src/kernel/ports/logger.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createRateLimits } from '#src/rate-limit/rate-limits.ts';
import { signedInUser, startMailRoom, tokenFor } from '#test/mail/mail-room.ts';
import { ada, bearer, startRoom, type Room } from '../room.ts';

const quota = { points: 1_000, windowSeconds: 60 };
const throttleOf = (elsewhere: number, newAccounts = 100) =>
  createRateLimits({
    clientLimits: new Map(),
    abuse: noAbuseReport,
    policies: policiesWith(quota, {
      account: { points: elsewhere, windowSeconds: 60 },
      credentials: { points: 1_000, windowSeconds: 60 },
      account_new: { points: newAccounts, windowSeconds: 86_400 },
      account_place: { points: 3, windowSeconds: 900 },
    }),
    redis: undefined,
    hashKey: Buffer.from('key'),
    metrics: noMetrics,
    clock: systemClock,
  }).loginThrottle;
const start = async (
  t: ExecutionContext,
  { elsewhere = 12, newAccounts }: { elsewhere?: number; newAccounts?: number } = {},
) => {
  const refused: string[] = [];
  const lines: LogFields[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields, message) => void lines.push({ ...fields, message }) };
  const abuse = { refused: (kind: string, address?: string) => void refused.push(`${kind} ${address}`) };
  const settings = { revocationPollMs: 60_000 };
  const room = await startRoom(t, { throttle: throttleOf(elsewhere, newAccounts), abuse, logger, settings });
  return { room, refused, lines };
};
const login = (room: Room, from: string, who: { email: string; password: string }) =>
  room.json('/auth/login', who, { 'X-Forwarded-For': from });
const wrong = { ...ada, password: 'not the right one' };
const home = '198.51.100.1';
const attacker = '203.0.113.66';

test('wrong passwords from one address delay that address alone, for accounts that exist and others alike', async (t) => {
  const { room, refused, lines } = await start(t);
  await room.json('/auth/register', ada);
  const statuses = async (email: string) => {
    const answers = [];
    for (let guess = 0; guess < 6; guess += 1) answers.push(await login(room, attacker, { ...wrong, email }));
    const last = answers.at(-1)!;
    t.is(last.body['code'], 'rate_limit_exceeded');
    t.true(Number(last.headers.get('retry-after')) > 20);
    return { statuses: answers.map(({ status }) => status), members: Object.keys(last.body).sort() };
  };
  const existing = await statuses(ada.email);
  t.deepEqual(existing.statuses, [401, 401, 401, 429, 429, 429]);
  t.deepEqual(await statuses('nobody@example.org'), existing);
  t.is((await login(room, attacker, ada)).status, 429, 'the right password does not help there');
  t.is((await login(room, home, ada)).status, 200, 'the owner signs in from anywhere else');
  t.deepEqual(new Set(refused), new Set([`login_throttled ${attacker}`]));

  await room.recorded();
  const throttled = await room.stored.query(
    `select stream from audit_event where action = 'user.sign_in_throttled' order by id`,
  );
  t.deepEqual(
    throttled.map(({ stream }) => String(stream).split(':')[0]),
    ['user', 'sign_in'],
    'recorded once for each delay, not once for each refusal',
  );
  const [user] = await room.stored.query('select id from user_account');
  t.false(JSON.stringify(lines).includes(String(user?.['id'])), 'ids of users are in the audit trail only');
  t.deepEqual(lines, [
    {
      audit_action: 'user.sign_in_throttled',
      message: 'sign-ins to an account are delayed after many wrong passwords',
    },
  ]);
});

test('in a network with used-up counters a wrong password does not say which accounts sign in from there', async (t) => {
  const { room } = await start(t, { newAccounts: 2 });
  await room.json('/auth/register', ada);
  t.is((await login(room, home, ada)).status, 200);
  const madeUp = (number: number) => login(room, home, { ...wrong, email: `nobody${number}@example.org` });
  for (let number = 0; number < 5; number += 1) t.is((await madeUp(number)).status, 401);
  const unknown = await madeUp(5);
  t.is(unknown.status, 429);
  const known = await login(room, home, wrong);
  t.is(known.status, 429);
  const shown = ({ body, headers }: typeof known) => ({
    members: Object.keys(body).sort(),
    said: [body['code'], body['title'], String(body['detail']).replace(/\d+ s$/, 'SECONDS')],
    waits: Number(headers.get('retry-after')) > 20,
  });
  t.deepEqual(shown(known), shown(unknown));
  t.is((await login(room, home, ada)).status, 200, 'the right password passes');
});

test('an attack from many networks never keeps the owner out of a network that he has used', async (t) => {
  const { room } = await start(t);
  await room.json('/auth/register', ada);
  t.is((await login(room, home, ada)).status, 200);
  for (let network = 1; network <= 20; network += 1) await login(room, `203.0.113.${network}`, wrong);
  t.is((await login(room, '203.0.113.99', wrong)).status, 429);
  t.is((await login(room, '192.0.2.5', ada)).status, 429, 'a network that is new to the account has to wait');
  t.is((await login(room, home, ada)).status, 200);
});

test('an attack from many networks keeps a signed-in owner from no change, and who resets the password can sign in', async (t) => {
  const room = await startMailRoom(t, { throttle: throttleOf(12), settings: { revocationPollMs: 60_000 } });
  const { access } = await signedInUser(room);
  const from = (address: string) => ({ 'X-Forwarded-For': address });
  const attack = async () => {
    for (let network = 1; network <= 20; network += 1) await login(room, `203.0.113.${network}`, wrong);
  };
  await attack();
  const away = '198.51.100.7';
  t.is((await login(room, away, ada)).status, 429, 'a network that is new to the account has to wait');
  const next = 'a different long sentence';
  const change = (current: string) =>
    room.json(
      '/account/password',
      { current_password: current, new_password: next },
      { ...bearer(access), ...from(away) },
    );
  t.is((await change(wrong.password)).status, 401);
  t.is((await change(ada.password)).status, 204);
  t.is((await login(room, away, { ...ada, password: next })).status, 429);

  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const token = tokenFor(room, ada.email);
  const reset = { token, new_password: 'a third long sentence' };
  t.is((await room.json('/account/password-reset', reset, from(away), 'PUT')).status, 204);
  await attack();
  t.is((await login(room, away, { ...ada, password: reset.new_password })).status, 200);
  t.is((await login(room, '192.0.2.99', { ...ada, password: reset.new_password })).status, 429, 'another new network');
});

test('a change of the address keeps the known networks, and so do rows of an earlier release', async (t) => {
  const { room } = await start(t);
  await room.json('/auth/register', ada);
  t.is((await login(room, home, ada)).status, 200);
  const moved = { ...ada, email: 'countess@example.org' };
  await room.stored.query('update user_account set email = $1', [moved.email]);
  const attack = async () => {
    for (let network = 1; network <= 20; network += 1) {
      await login(room, `203.0.113.${network}`, { ...wrong, email: moved.email });
    }
  };
  await attack();
  t.is((await login(room, '192.0.2.5', moved)).status, 429);
  t.is((await login(room, home, moved)).status, 200);
  const former = createHmac('sha256', Buffer.from('places')).update(`${moved.email} ${home}`).digest();
  await room.stored.query('update sign_in_place set place_hash = $1', [former]);
  t.is((await login(room, home, moved)).status, 200);
});

test('a signed-in caller has a limit of wrong passwords too, from all new networks together', async (t) => {
  const { room } = await start(t);
  await room.json('/auth/register', ada);
  const access = (await login(room, home, ada)).body['access_token'];
  const guess = (from: string) =>
    room.json(
      '/account/password',
      { current_password: wrong.password, new_password: 'a different long sentence' },
      { ...bearer(access), 'X-Forwarded-For': from },
    );
  const statuses: number[] = [];
  for (let network = 1; network <= 20; network += 1) statuses.push((await guess(`203.0.113.${network}`)).status);
  t.is(statuses.filter((status) => status === 401).length, 12);
  t.is(statuses.at(-1), 429);
  t.is((await login(room, '203.0.113.99', ada)).status, 200, 'sign-ins have a limit of their own');
});

test('networks are remembered as keyed hashes, few for each user, for a while, and go with the account', async (t) => {
  const { room } = await start(t, { elsewhere: 1_000 });
  await room.json('/auth/register', ada);
  for (let network = 1; network <= 25; network += 1) t.is((await login(room, `192.0.2.${network}`, ada)).status, 200);
  const places = () => room.stored.query('select * from sign_in_place');
  t.is((await places()).length, 20);
  t.false(JSON.stringify(await places()).includes('192.0.2'));
  room.advance(91 * 86_400);
  await room.auth.cleanUp();
  t.is((await places()).length, 0);
  t.is((await login(room, home, ada)).status, 200);
  await room.stored.query('delete from user_account');
  t.is((await places()).length, 0);
});

test('a user whom an operator has disabled cannot sign in, and is told what a wrong password is told', async (t) => {
  const { room } = await start(t);
  await room.json('/auth/register', ada);
  await room.stored.query(`insert into owner_end select 'user', id::text, 'disabled', now() from user_account`);
  const disabled = await login(room, home, ada);
  t.is(disabled.status, 401);
  t.is(disabled.body['code'], 'credentials_invalid');
});

test('registering a taken address takes as many statements and events as a free one', async (t) => {
  const { room } = await start(t);
  const cost = async (email: string) => {
    const value = () => room.metrics.value('db_client_operation_duration_seconds');
    const events = async () => (await room.stored.query('select 1 from audit_event')).length;
    const before = { statements: value(), events: await events() };
    const { status, body } = await room.json('/auth/register', { ...ada, email });
    return { status, body, statements: value() - before.statements, events: (await events()) - before.events };
  };
  await cost('first@example.org');
  // Statements that the first registration started in the background must have ended, because statements are counted.
  await new Promise((done) => setTimeout(done, 200));
  const free = await cost(ada.email);
  const taken = await cost(ada.email);
  t.true(free.statements > 2);
  t.is(free.events, 1);
  t.deepEqual(taken, free);
});
