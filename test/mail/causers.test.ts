import test from 'ava';
import { ada, bearer, signedIn } from '#test/auth/room.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { signedInUser, startMailRoom, type MailRoom } from './mail-room.ts';

const change = (room: MailRoom, access: string, number: number, from = '192.0.2.1') =>
  room.json(
    '/account/email',
    { email: `victim-${number}@example.net`, current_password: ada.password },
    { ...bearer(access), 'X-Forwarded-For': from },
  );
const reset = (room: MailRoom, email: string, from: string) =>
  room.json('/account/password-reset', { email }, { 'X-Forwarded-For': from });
const register = (room: MailRoom, email: string, from: string) =>
  room.json('/auth/register', { email, password: 'a rather long sentence' }, { 'X-Forwarded-For': from });
const stored = async (room: MailRoom) => (await room.stored.query('select 1 from mail_message')).length;
const count = (statuses: readonly { readonly status: number }[], status: number) =>
  statuses.filter((answer) => answer.status === status).length;
const numbers = (length: number) => Array.from({ length }, (_, number) => number);

test('one account causes a max number of messages in an hour, to any addresses and from any networks', async (t) => {
  const abuse = recordAbuse();
  const room = await startMailRoom(t, { limits: { maxPerAccount: 6, abuse } });
  const { access } = await signedInUser(room);
  const answers = await Promise.all(numbers(12).map((number) => change(room, access, number, `192.0.2.${number}`)));
  t.is(count(answers, 202), 3, 'a change is two messages');
  t.is(count(answers, 429), 9);
  t.is(await stored(room), 6);
  t.deepEqual(new Set(abuse.kinds), new Set(['mail_by_causer']));
  const refused = await change(room, access, 99);
  t.like(refused.body, { code: 'rate_limit_exceeded' });
  const seconds = Number(refused.headers.get('retry-after'));
  t.true(seconds > 3_000 && seconds <= 3_600, String(seconds));
  const kept = await room.stored.query('select new_email from email_change');
  t.not(kept[0]?.['new_email'], 'victim-99@example.net', 'a refused change is not stored');
  room.advance(3_601);
  const { access: later } = await signedIn(room);
  t.is((await change(room, later, 100)).status, 202);
});

test('messages of other accounts to a new address leave the first one of each account, up to a second max', async (t) => {
  const limits = { maxPerRecipient: 1, maxPerAccount: 100, tokenSeconds: { email_change: 86_400 } };
  const room = await startMailRoom(t, { limits });
  const accesses: string[] = [];
  for (const number of numbers(5)) {
    accesses.push((await signedIn(room, { ...ada, email: `asker${number}@example.org` })).access);
  }
  room.queues.waiting.splice(0);
  await room.stored.query('delete from mail_message');
  const sent = async () => (await room.stored.query(`select 1 from mail_message where kind = 'email_change'`)).length;
  for (const access of [...accesses.slice(0, 2), ...accesses.slice(0, 2)]) {
    t.is((await change(room, access, 1)).status, 202);
  }
  t.is(await sent(), 2, 'one of each account');
  for (const access of accesses.slice(2)) t.is((await change(room, access, 1)).status, 202);
  t.is(await sent(), 4, 'four times the max of a recipient');
});

test('the message that verifies the own address counts for its account too', async (t) => {
  const room = await startMailRoom(t, { limits: { maxPerAccount: 2 } });
  const { access } = await signedInUser(room);
  const own = () => room.json('/account/email', { email: ada.email, current_password: ada.password }, bearer(access));
  t.deepEqual([(await own()).status, (await own()).status, (await own()).status], [202, 202, 429]);
  t.is((await change(room, access, 1)).status, 429);
});

test('one network causes a max number of messages in an hour, with all routes together', async (t) => {
  const abuse = recordAbuse();
  const room = await startMailRoom(t, { limits: { maxPerNetwork: 4, abuse } });
  const { access } = await signedInUser(room);
  t.is((await change(room, access, 1, '2001:db8::1')).status, 202);
  t.is((await register(room, 'new@example.org', '2001:db8::2')).status, 202);
  t.is((await reset(room, 'somebody@example.org', '2001:db8::3')).status, 202);
  for (const email of [ada.email, 'nobody@example.org']) {
    const refused = [await reset(room, email, '2001:db8::4'), await register(room, email, '2001:db8::5')];
    for (const { body } of refused) t.like(body, { status: 429, code: 'rate_limit_exceeded' });
    t.is((await change(room, access, 2, '2001:db8::6')).status, 429);
  }
  t.deepEqual(new Set(abuse.kinds), new Set(['mail_by_causer']));
  const accounts = await room.stored.query('select email from user_account order by email');
  t.deepEqual(accounts, [{ email: ada.email }, { email: 'new@example.org' }], 'a refused registration stores nothing');
  t.is((await reset(room, 'nobody@example.org', '2001:db8:1::1')).status, 202, 'another network is free');
  const networks = await room.stored.query('select caused_by_network from mail_message');
  t.is(networks.length, 5);
  t.false(JSON.stringify(networks).includes('2001'));
});

test('in a full share a network that waits for most makes room for others, whose messages are sent', async (t) => {
  const room = await startMailRoom(t, { limits: { maxWaiting: 16 } });
  for (const number of numbers(4)) t.is((await register(room, `flood${number}@example.org`, '192.0.2.1')).status, 202);
  t.is((await register(room, 'flood4@example.org', '192.0.2.1')).status, 429);
  t.is((await register(room, 'ada@example.net', '198.51.100.1')).status, 202);
  t.is((await register(room, 'bob@example.net', '203.0.113.1')).status, 202);
  t.is((await register(room, 'eve@example.net', '203.0.113.1')).status, 429, 'both networks wait for two, or would');
  const states = await room.stored.query('select recipient, state from mail_message order by recipient');
  t.deepEqual(
    states.filter(({ state }) => state === 'dropped').map(({ recipient }) => recipient),
    ['flood2@example.org', 'flood3@example.org'],
    'the newest ones made room',
  );
  await room.work();
  const sent = new Set(room.smtp.received.flatMap(({ to }) => to));
  for (const recipient of ['ada@example.net', 'bob@example.net']) t.true(sent.has(recipient));
  t.false(sent.has('flood3@example.org'));
});

test('a refusal by the limit of a network is the same for known and unknown addresses', async (t) => {
  const room = await startMailRoom(t, { limits: { maxPerNetwork: 1 } });
  await signedInUser(room);
  await reset(room, 'first@example.org', '192.0.2.1');
  const shown = async (email: string) => {
    const answers = [await reset(room, email, '192.0.2.1'), await register(room, email, '192.0.2.1')];
    return answers.map(({ status, headers, body: { code, title } }) => [status, code, title, [...headers.keys()]]);
  };
  t.deepEqual(await shown(ada.email), await shown('nobody@example.org'));
});

test('simultaneous requests of one network pass exactly up to the max', async (t) => {
  const room = await startMailRoom(t, { limits: { maxPerNetwork: 5 } });
  const answers = await Promise.all(numbers(12).map((n) => reset(room, `somebody-${n}@example.org`, '192.0.2.1')));
  t.is(count(answers, 202), 5);
  t.is(await stored(room), 5);
});

test('a flood of one cause leaves the share of the others free, also that of notices', async (t) => {
  const room = await startMailRoom(t, { limits: { maxWaiting: 8 } });
  const { access } = await signedInUser(room);
  const resets = await Promise.all(numbers(3).map((n) => reset(room, `somebody-${n}@example.org`, `192.0.2.${n}`)));
  t.true(count(resets, 202) >= 2);
  t.like((await reset(room, ada.email, '192.0.2.9')).body, { status: 429, code: 'quota_exceeded' });
  t.is((await register(room, 'new@example.org', '192.0.2.10')).status, 202);
  t.is((await change(room, access, 1)).status, 202);
  const passwords = { current_password: ada.password, new_password: 'a different long sentence' };
  t.is((await room.json('/account/password', passwords, bearer(access))).status, 204);
  const kinds = await room.stored.query(`select kind from mail_message where kind = 'password_changed'`);
  t.is(kinds.length, 1);
});

test('repeated changes send a max number of notices, and messages that were asked for do not use them up', async (t) => {
  const room = await startMailRoom(t, { limits: { maxPerRecipient: 3, maxPerNetwork: 1 } });
  const { access } = await signedInUser(room);
  await reset(room, ada.email, '192.0.2.1');
  let current = ada.password;
  for (const number of numbers(5)) {
    const next = `another long sentence ${number}`;
    const passwords = { current_password: current, new_password: next };
    const headers = { ...bearer(access), 'X-Forwarded-For': '192.0.2.1' };
    t.is((await room.json('/account/password', passwords, headers)).status, 204);
    await room.work();
    current = next;
  }
  const notices = await room.stored.query(`select 1 from mail_message where kind = 'password_changed'`);
  t.is(notices.length, 3);
});

test('two waiting notices of one kind stand for the next ones of their account', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  const changes = async (numbersOfThem: readonly number[]): Promise<void> => {
    for (const number of numbersOfThem) {
      const [before, next] = [number - 1, number].map((each) =>
        each < 0 ? ada.password : `another long sentence ${each}`,
      );
      const passwords = { current_password: before, new_password: next };
      t.is((await room.json('/account/password', passwords, bearer(access))).status, 204);
    }
  };
  const sent = () => room.smtp.received.filter(({ text }) => /password/i.test(text)).length;
  await changes([0, 1, 2, 3]);
  const notices = await room.stored.query(`select 1 from mail_message where kind = 'password_changed'`);
  t.is(notices.length, 2, 'the user hears of a change that was not the own one');
  const before = sent();
  await room.work();
  t.is(sent(), before + 2);
  await changes([4]);
  t.is((await room.stored.query(`select 1 from mail_message where kind = 'password_changed'`)).length, 3);
});

test('accounts with many waiting notices make room for those of others', async (t) => {
  const room = await startMailRoom(t, { limits: { maxWaiting: 24 } });
  const { access } = await signedInUser(room);
  // Each of three accounts has two notices of one kind, whose recipients are answered late.
  await room.stored.query(
    `insert into mail_message (id, kind, recipient, user_id, state, created_at)
     select gen_random_uuid(), 'removal_planned', 'flood' || account || '@example.com', ('018f0000-0000-7000-8000-00000000000' || account)::uuid,
       'waiting', now() + make_interval(secs => account) from generate_series(1, 3) as account, generate_series(1, 2)`,
  );
  const passwords = { current_password: ada.password, new_password: 'a different long sentence' };
  t.is((await room.json('/account/password', passwords, bearer(access))).status, 204);
  const states = await room.stored.query(
    `select kind, state, count(*)::int as messages from mail_message group by 1, 2 order by 1, 2`,
  );
  t.deepEqual(states, [
    { kind: 'password_changed', state: 'waiting', messages: 1 },
    { kind: 'removal_planned', state: 'dropped', messages: 1 },
    { kind: 'removal_planned', state: 'waiting', messages: 5 },
  ]);
});

test('each route that takes a password or causes a message has the limit of sign-ins of its address', async (t) => {
  const room = await startMailRoom(t);
  const rules = room.auth.routes
    // The routes of sessions and of the second factor take no password: they need a recent sign-in.
    .filter(({ path, method }) => path.startsWith('/account') && method !== 'GET' && !/sessions|totp/.test(path))
    .map(({ method, path, rateLimit }) => `${method} ${path} ${rateLimit}`);
  t.deepEqual(rules.toSorted(), [
    'DELETE /account login',
    'POST /account/email login',
    'POST /account/password login',
    'POST /account/password-reset login',
    'PUT /account/email login',
    'PUT /account/password-reset login',
  ]);
});
