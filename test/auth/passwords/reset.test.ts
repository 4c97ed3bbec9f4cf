import test from 'ava';
import { captureSpans } from '#testkit/spans.ts';
import { ada, auditActions, bearer, openSession, refresh } from '../room.ts';
import { signedInUser, startMailRoom, tokenFor, type MailRoom } from '#test/mail/mail-room.ts';

const next = 'a different long sentence';

const ask = (room: MailRoom, email: string) => room.json('/account/password-reset', { email });
const reset = (room: MailRoom, token: string, password = next) =>
  room.json('/account/password-reset', { token, new_password: password }, {}, 'PUT');

const askedToken = async (room: MailRoom, email = ada.email): Promise<string> => {
  await ask(room, email);
  await room.work();
  return tokenFor(room, email);
};

/** The text of all rows of all tables. */
const dump = async ({ stored }: MailRoom): Promise<string> => {
  const tables = await stored.query(`select tablename from pg_tables where schemaname = 'public'`);
  const texts = await Promise.all(
    tables.map(({ tablename }) =>
      stored.query(`select string_agg(t::text, ' ') as rows from "${String(tablename)}" t`),
    ),
  );
  return texts.map(([row]) => String(row?.['rows'])).join(' ');
};

test.serial('a password is reset with the token of a message, and all sign-ins end', async (t) => {
  const spans = captureSpans(t);
  const room = await startMailRoom(t);
  const { access, refresh: family } = await signedInUser(room);
  const { cookie } = await openSession(room);
  const asked = await ask(room, ' ADA@example.org ');
  t.is(asked.status, 202);
  t.deepEqual(asked.body, { status: 'accepted' });
  t.is(asked.headers.get('cache-control'), 'no-store');
  t.is(room.smtp.received.length, 0, 'the request sends nothing itself');
  t.deepEqual(await room.work(), []);

  const [mail] = room.smtp.received;
  t.like(mail, { from: 'volwatch@example.org', to: [ada.email] });
  t.like(mail!.headers, { subject: 'Reset your password', to: ada.email, 'auto-submitted': 'auto-generated' });
  const token = tokenFor(room, ada.email);
  t.is((await reset(room, token)).status, 204);

  t.like((await room.me(bearer(access))).body, { code: 'token_revoked' });
  t.like((await refresh(room, family)).body, { error: 'invalid_grant' });
  t.is((await room.me({ Cookie: cookie })).status, 401);
  t.is((await room.json('/auth/login', ada)).status, 401);
  const login = await room.json('/auth/login', { ...ada, password: next });
  t.is(login.status, 200);
  t.is((await room.me(bearer(login.body['access_token']))).status, 200);

  await room.work();
  t.is(room.smtp.received[1]?.headers['subject'], 'Your password was changed');
  const actions = await auditActions(room);
  t.true(actions.includes('user.password_reset_requested'));
  t.true(actions.includes('user.password_reset'));
  t.is(room.metrics.value('volwatch_mail_messages_total', { kind: 'password_reset', outcome: 'sent' }), 1);
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'password_reset', outcome: 'ok' }), 1);
  t.true(spans.named('mail.deliver').length > 0);

  const told = JSON.stringify([
    room.lines,
    spans.all().map(({ name, attributes, events }) => [name, attributes, events]),
  ]);
  for (const place of [told, await dump(room)]) t.false(place.includes(token.slice(4)));
  t.false(told.includes(ada.email));
});

test('requests above the limit of a recipient leave a limited number of events, and look the same', async (t) => {
  const room = await startMailRoom(t, { auditRefusals: { maxPerHour: 1, maxOfAllPerHour: 8 } });
  for (const email of ['victim@example.org', 'Victim@example.org ']) {
    for (let from = 1; from <= 30; from += 1) {
      const { status, body } = await room.json(
        '/account/password-reset',
        { email },
        { 'X-Forwarded-For': `192.0.2.${from}` },
      );
      t.deepEqual([status, body], [202, { status: 'accepted' }]);
    }
  }
  const events = await room.stored.query(
    `select outcome, count(*)::int as events from audit_event where action = 'user.password_reset_requested'
     group by outcome order by outcome`,
  );
  t.deepEqual(events, [
    { outcome: 'refused', events: 8 },
    { outcome: 'success', events: 5 },
  ]);
  t.is((await room.stored.query('select 1 from mail_message')).length, 5);
});

test('a token works once, also when it is used at the same time', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  const older = await askedToken(room);
  const token = await askedToken(room);
  const answers = await Promise.all(Array.from({ length: 5 }, () => reset(room, token)));
  t.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [204, 400, 400, 400, 400],
  );
  for (const used of [token, older]) {
    t.like((await reset(room, used)).body, { status: 400, code: 'account_token_invalid', category: 'validation' });
  }
});

test('unknown, altered and expired tokens are refused, and so are those of disabled accounts', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  const token = await askedToken(room);
  for (const wrong of ['vwm_unknown', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, 'x'.repeat(200)]) {
    t.like((await reset(room, wrong)).body, { status: 400, code: 'account_token_invalid' });
  }
  t.is((await reset(room, 'x'.repeat(201))).status, 422);
  room.advance(1_801);
  t.like((await reset(room, token)).body, { code: 'account_token_invalid' });
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from account_token')).length, 0);

  const fresh = await askedToken(room);
  await room.stored.query(
    `insert into owner_end (owner_kind, owner_id, reason, ended_at) select 'user', id::text, 'disabled', now() from user_account`,
  );
  t.like((await reset(room, fresh)).body, { code: 'account_token_invalid' });
  const before = room.smtp.received.length;
  await ask(room, ada.email);
  await room.work();
  t.is(room.smtp.received.length, before, 'a disabled account gets no message');
});

test('a weak new password is refused, and the token still works', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  const token = await askedToken(room);
  const weak = await reset(room, token, 'password1');
  t.is(weak.status, 422);
  t.like(weak.body['errors'], { 0: { pointer: '/new_password', code: 'password_common' } });
  t.is((await reset(room, token)).status, 204);
});

test.serial('an unknown address gets the same answer and causes the same work, and nothing is sent', async (t) => {
  const spans = captureSpans(t);
  const room = await startMailRoom(t);
  await signedInUser(room);
  const statements = async (email: string) => {
    spans.reset();
    const answer = await ask(room, email);
    const made = spans.all().map(({ name, attributes }) => [name, attributes['db.query.text']]);
    return { answer, made };
  };
  const known = await statements(ada.email);
  const unknown = await statements('nobody@example.org');
  t.is(known.answer.status, unknown.answer.status);
  t.deepEqual(known.answer.body, unknown.answer.body);
  t.deepEqual([...known.answer.headers.keys()].sort(), [...unknown.answer.headers.keys()].sort());
  t.deepEqual(known.made, unknown.made);
  const rows = await room.stored.query('select state, user_id from mail_message order by id');
  t.deepEqual(rows, [
    { state: 'waiting', user_id: null },
    { state: 'waiting', user_id: null },
  ]);
  await room.work();
  t.deepEqual(
    room.smtp.received.map(({ to }) => to),
    [[ada.email]],
  );
  t.is(room.metrics.value('volwatch_mail_messages_total', { kind: 'password_reset', outcome: 'dropped' }), 1);
});

test('keys stay after a reset, except those of an account whose address was never verified', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  const keyOf = async (headers: Record<string, string>) => {
    const { body } = await room.json('/api-keys', { name: 'key', scopes: ['ml:read'] }, headers);
    return { 'X-API-Key': String(body['key']) };
  };
  const early = await keyOf(bearer(access));
  t.is((await room.me(early)).status, 200);
  t.is((await reset(room, await askedToken(room))).status, 204);
  t.is((await room.me(early)).status, 401);
  t.true((await auditActions(room)).includes('api_key.revoked'));

  const login = await room.json('/auth/login', { ...ada, password: next });
  const late = await keyOf(bearer(login.body['access_token']));
  t.is((await reset(room, await askedToken(room), ada.password)).status, 204);
  t.is((await room.me(late)).status, 200);
});

test('the first proof of an address ends all that was made before it, also a second factor and a calendar', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  await room.stored.query(
    `insert into user_second_factor (user_id, secret, created_at, confirmed_at) select id, 'none', now(), now() from user_account`,
  );
  await room.stored.query(
    `insert into calendar_connection (id, owner_kind, owner_id, status, scopes, refresh_token, access_token,
       access_expires_at, connected_at)
     select gen_random_uuid(), 'user', id::text, 'connected', '{}', 'refresh', 'access', now(), now() from user_account`,
  );
  await room.stored.query(
    `insert into calendar_consent (state_digest, owner_kind, owner_id, browser_digest, code_verifier, redirect_url,
       created_at, expires_at)
     select 'state', 'user', id::text, 'browser', 'verifier', 'https://example.org', now(), now() + interval '1 hour'
     from user_account`,
  );
  await room.stored.query(
    `insert into account_settings (user_id, version, updated_at) select id, 1, now() from user_account`,
  );
  await room.stored.query(
    `insert into account_profile (user_id, version, updated_at) select id, 1, now() from user_account`,
  );
  await room.stored.query(`insert into pricing_preset select id, 'mine', '{}', now(), now() from user_account`);
  t.is((await reset(room, await askedToken(room))).status, 204);
  for (const table of ['account_settings', 'account_profile', 'pricing_preset']) {
    t.deepEqual(await room.stored.query(`select 1 from ${table}`), [], table);
  }
  t.deepEqual(await room.stored.query('select 1 from calendar_connection'), []);
  t.deepEqual(await room.stored.query('select 1 from calendar_consent'), []);
  t.deepEqual(await room.stored.query('select refresh_token from calendar_revocation'), [{ refresh_token: 'refresh' }]);
  t.true((await auditActions(room)).includes('calendar.disconnected'));
  t.deepEqual(await room.stored.query('select 1 from user_second_factor'), []);
  t.true((await auditActions(room)).includes('user.second_factor_removed'));
  t.is((await room.json('/auth/login', { ...ada, password: next })).status, 200);
  t.is((await room.me(bearer(access))).status, 401);
});

test('a reset forgets the networks of earlier sign-ins', async (t) => {
  const room = await startMailRoom(t);
  await signedInUser(room);
  await room.stored.query(`insert into sign_in_place select id, '\\x00', now() from user_account`);
  t.is((await reset(room, await askedToken(room))).status, 204);
  t.is((await room.stored.query('select 1 from sign_in_place')).length, 1);
  t.deepEqual(await room.stored.query(`select 1 from sign_in_place where place_hash = '\\x00'`), []);
});
