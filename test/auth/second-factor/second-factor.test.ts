import test from 'ava';
import { noLoginThrottle, type LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import { signedInUser, startMailRoom, tokenFor } from '#test/mail/mail-room.ts';
import { ada, auditActions, bearer, openSession, refresh, signedIn, startRoom, type Room } from '../room.ts';
import { authenticator, enrolled, firstStep, secondStep, wrongCode } from './second-factor-setup.ts';

test('a sign-in needs the code; the answer is that of an ordinary sign-in, for tokens and for sessions', async (t) => {
  const { room, code } = await enrolled(t);
  const { answer, token } = await firstStep(room);
  t.is(answer.status, 401);
  t.like(answer.body, { code: 'second_factor_required', category: 'authentication', expires_in: 300 });
  t.is(answer.headers.get('cache-control'), 'no-store');
  t.regex(token, /^vwf_[\w-]{43}$/);
  const done = await secondStep(room, token, code());
  t.is(done.status, 200);
  t.is((await room.me(bearer(done.body['access_token']))).status, 200);
  t.is((await refresh(room, String(done.body['refresh_token']))).status, 200);

  const session = await firstStep(room, { session: true });
  t.is(session.answer.headers.get('set-cookie'), null);
  const opened = await secondStep(room, session.token, code(30));
  t.is(opened.status, 200);
  t.truthy(opened.body['csrf_token']);
  const cookie = opened.headers.get('set-cookie')!.split(';')[0]!;
  t.is((await room.me({ cookie })).status, 200);
  const wrongPassword = await room.json('/auth/login', { ...ada, password: 'another long sentence' });
  t.like(wrongPassword.body, { code: 'credentials_invalid' });
  t.is(wrongPassword.body['second_factor_token'], undefined);
  const actions = await auditActions(room);
  for (const action of ['user.second_factor_enabled', 'user.second_factor_required', 'user.signed_in']) {
    t.true(actions.includes(action), action);
  }
  t.is(room.metrics.value('volwatch_auth_second_factor_total', { method: 'totp', outcome: 'accepted' }), 3);
});

test('first steps without a second one leave a limited number of events', async (t) => {
  const { room } = await enrolled(t, { auditRefusals: { maxPerHour: 3, maxOfAllPerHour: 100 } });
  for (let count = 0; count < 12; count += 1) t.is((await firstStep(room)).answer.status, 401);
  const events = await room.stored.query(
    `select outcome, reason, count(*)::int as events from audit_event where action = 'user.second_factor_required' group by 1, 2`,
  );
  t.deepEqual(events, [{ outcome: 'refused', reason: 'second_factor_required', events: 3 }]);
});

test('a code and a token are used once; a wrong code keeps the token', async (t) => {
  const { room, code } = await enrolled(t);
  const { token } = await firstStep(room);
  const wrong = await secondStep(room, token, wrongCode(code));
  t.is(wrong.status, 401);
  t.like(wrong.body, { code: 'second_factor_invalid' });
  t.is((await secondStep(room, token, code())).status, 200);
  t.like((await secondStep(room, token, code(30))).body, { code: 'second_factor_invalid' });
  const next = await firstStep(room);
  t.is((await secondStep(room, next.token, code())).status, 401, 'the same code again');
  t.is((await secondStep(room, next.token, code(-30))).status, 401, 'a code before it');
  t.is((await secondStep(room, next.token, code(30))).status, 200);
  for (const rubbish of ['x', `vwf_${'A'.repeat(43)}`, "' or 1=1 --"]) {
    t.like((await secondStep(room, rubbish, code(30))).body, { code: 'second_factor_invalid' }, rubbish);
  }
  t.true((await auditActions(room)).includes('user.second_factor_refused'));
});

test('of many requests with one code exactly one succeeds', async (t) => {
  const { room, code } = await enrolled(t);
  const tokens = await Promise.all([1, 2, 3].map(async () => (await firstStep(room)).token));
  const answers = await Promise.all([...tokens, ...tokens].map((token) => secondStep(room, token, code())));
  t.is(answers.filter(({ status }) => status === 200).length, 1);
});

test('the token of the second step expires, and expired ones are deleted', async (t) => {
  const { room, code } = await enrolled(t);
  const { token } = await firstStep(room);
  room.advance(301);
  t.like((await secondStep(room, token, code(301))).body, { code: 'second_factor_invalid' });
  t.is((await room.stored.query('select 1 from sign_in_challenge')).length, 1);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from sign_in_challenge')).length, 0);
});

test('a recovery code works once in any spelling; after many wrong codes only it does', async (t) => {
  const { room, code, codes } = await enrolled(t);
  t.is(codes.length, 10);
  const [first, second] = codes as [string, string];
  t.regex(first, /^([a-z2-9]{4}-){3}[a-z2-9]{4}$/);
  const use = async (text: string) => secondStep(room, (await firstStep(room)).token, text);
  t.is((await use(first.toUpperCase().replaceAll('-', ' '))).status, 200);
  t.is((await use(first)).status, 401);
  for (let attempt = 0; attempt < 5; attempt += 1) t.is((await use(wrongCode(code))).status, 401);
  const locked = await use(code());
  t.is(locked.status, 401, 'the right code is not checked any more');
  t.regex(String(locked.body['detail']), /locked .* recovery code/);
  t.is(room.metrics.value('volwatch_auth_second_factor_total', { method: 'totp', outcome: 'locked' }), 1);
  const recovered = await use(second);
  t.is(recovered.status, 200);
  t.is((await use(code())).status, 200);
  const state = await room.call('/account/totp', { headers: bearer(recovered.body['access_token']) });
  t.like(state.body, { enabled: true, recovery_codes_left: 8 });
  t.is((await auditActions(room)).filter((action) => action === 'user.recovery_code_used').length, 2);
});

/** As if the second factor had been added a week ago. */
const passWeek = (room: Room) =>
  room.stored.query(`update user_second_factor set confirmed_at = confirmed_at - interval '7 days'`);

test('where mail is sent, a second factor needs a verified address, and a reset by mail keeps it after a week', async (t) => {
  const room = await startMailRoom(t, { settings: { verifiedForSecondFactor: true } });
  const { access } = await signedInUser(room);
  const begin = () => room.json('/account/totp', undefined, bearer(access));
  t.like((await begin()).body, { code: 'email_not_verified', status: 409 });
  await room.stored.query('update user_account set email_verified_at = now()');
  const code = authenticator(String((await begin()).body['uri']));
  await room.stored.query('update user_account set email_verified_at = null');
  const confirm = () => room.json('/account/totp', { code: code() }, bearer(access), 'PUT');
  t.like((await confirm()).body, { code: 'email_not_verified' });
  await room.stored.query('update user_account set email_verified_at = now()');
  t.is((await confirm()).status, 200);
  await passWeek(room);

  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const reset = { token: tokenFor(room, ada.email), new_password: 'a different long sentence' };
  t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
  t.like((await room.json('/auth/login', { ...ada, password: reset.new_password })).body, {
    code: 'second_factor_required',
  });
});

test('a reset by mail frees an authenticator that wrong codes have locked', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  await room.stored.query('update user_account set email_verified_at = now()');
  const { body } = await room.json('/account/totp', undefined, bearer(access));
  const code = authenticator(String(body['uri']));
  t.is((await room.json('/account/totp', { code: code() }, bearer(access), 'PUT')).status, 200);
  await passWeek(room);
  const stranger = await room.json('/auth/login', ada);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await secondStep(room, String(stranger.body['second_factor_token']), wrongCode(code));
  }
  const locked = await secondStep(room, String(stranger.body['second_factor_token']), code(30));
  t.regex(String(locked.body['detail']), /locked .* reset the password/);

  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const reset = { token: tokenFor(room, ada.email), new_password: 'a different long sentence' };
  t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
  const own = await room.json('/auth/login', { ...ada, password: reset.new_password });
  t.is((await secondStep(room, String(own.body['second_factor_token']), code(30))).status, 200);
});

test('an unconfirmed secret has no effect, and a second one replaces it', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const confirm = (code: string) => room.json('/account/totp', { code }, bearer(access), 'PUT');
  t.like((await confirm('123456')).body, { code: 'resource_not_found' });
  const first = authenticator(String((await room.json('/account/totp', undefined, bearer(access))).body['uri']));
  t.is((await room.json('/auth/login', ada)).status, 200);
  const second = authenticator(String((await room.json('/account/totp', undefined, bearer(access))).body['uri']));
  t.like((await confirm(first())).body, { code: 'validation_failed', errors: [{ pointer: '/code' }] });
  for (const code of ['12345', '1234567', 'abcdef', '']) t.is((await confirm(code)).status, 422, code);
  t.is((await confirm(second())).status, 200);
  t.like((await confirm(second())).body, { code: 'second_factor_enabled' });
  t.like((await room.json('/account/totp', undefined, bearer(access))).body, { code: 'second_factor_enabled' });
});

test('the removal of a secret that was never confirmed leaves no event', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  for (let round = 0; round < 3; round += 1) {
    await room.json('/account/totp', undefined, bearer(access));
    t.is((await room.call('/account/totp', { method: 'DELETE', headers: bearer(access) })).status, 204);
  }
  t.is((await room.call('/account/totp', { method: 'DELETE', headers: bearer(access) })).status, 404);
  t.false((await auditActions(room)).includes('user.second_factor_removed'));
});

test('adding and removing need a recent sign-in; after the removal the password is enough', async (t) => {
  const { room, access, refreshToken, code } = await enrolled(t);
  const remove = (shown: Record<string, string>) => room.call('/account/totp', { method: 'DELETE', headers: shown });
  room.advance(15 * 60 - 60);
  const refreshed = String((await refresh(room, refreshToken)).body['access_token']);
  t.like((await remove(bearer(refreshed))).body, { code: 'reauthentication_required', category: 'authorization' });
  const { token } = await firstStep(room);
  const done = await secondStep(room, token, code(15 * 60 - 60));
  t.is((await remove(bearer(done.body['access_token']))).status, 204);
  t.like((await remove(bearer(done.body['access_token']))).body, { code: 'resource_not_found' });
  t.is((await room.json('/auth/login', ada)).status, 200);
  t.like((await room.json('/account/totp', undefined, bearer(refreshed))).body, { code: 'reauthentication_required' });
  for (const table of ['recovery_code', 'user_second_factor', 'sign_in_challenge']) {
    t.is((await room.stored.query(`select 1 from ${table}`)).length, 0, table);
  }
  t.is((await room.me(bearer(access))).status, 401);
});

test('clients and keys have no second factor; a disabled user cannot finish a sign-in', async (t) => {
  const { room, access, code } = await enrolled(t);
  const key = await room.json('/api-keys', { name: 'k', scopes: [] }, bearer(access));
  const headers = { 'X-API-Key': String(key.body['key']) };
  t.is((await room.me(headers)).status, 200, 'a key of the user needs no code');
  for (const method of ['GET', 'POST', 'DELETE']) {
    t.like((await room.call('/account/totp', { method, headers })).body, { code: 'resource_not_found' }, method);
  }
  const { token } = await firstStep(room);
  // The addition of the second factor has made the row, because it ends the tokens of the earlier system.
  await room.stored.query(`update owner_end set reason = 'disabled'`);
  t.like((await secondStep(room, token, code())).body, { code: 'second_factor_invalid' });
});

test('guesses are limited by account and network, apart from the counter of passwords', async (t) => {
  const attempts: string[] = [];
  const throttle: LoginThrottle = {
    ...noLoginThrottle,
    attempt: async ({ account }) => {
      attempts.push(account);
      const guesses = attempts.filter((each) => each.startsWith('second factor of ')).length;
      return guesses > 3 ? { retryAfterSeconds: 30, isFirst: guesses === 4 } : undefined;
    },
  };
  const { room, code } = await enrolled(t, { throttle });
  const { token } = await firstStep(room);
  const statuses: number[] = [];
  for (let guess = 0; guess < 5; guess += 1) statuses.push((await secondStep(room, token, wrongCode(code))).status);
  t.deepEqual(statuses, [401, 401, 401, 429, 429]);
  const refused = await secondStep(room, token, code());
  t.like(refused.body, { code: 'rate_limit_exceeded' });
  t.is(refused.headers.get('retry-after'), '30');
  t.is((await auditActions(room)).filter((action) => action === 'user.sign_in_throttled').length, 1);
});

test('secret, recovery codes and tokens are in no table in clear; a copied secret cannot be used by another user', async (t) => {
  const { room, secret, codes } = await enrolled(t);
  const { token } = await firstStep(room);
  for (const table of ['user_second_factor', 'recovery_code', 'sign_in_challenge', 'audit_event']) {
    const rows = JSON.stringify(
      await room.stored.query(`select to_jsonb(stored)::text as row from ${table} as stored`),
    );
    for (const text of [secret, token, ...codes, ...codes.map((each) => each.replaceAll('-', ''))]) {
      t.false(rows.includes(text), table);
    }
  }
  await signedIn(room, { ...ada, email: 'bob@example.org' });
  await room.stored.query(
    `insert into user_second_factor (user_id, secret, created_at, confirmed_at)
     select account.id, factor.secret, now(), now() from user_account as account, user_second_factor as factor
     where email = 'bob@example.org'`,
  );
  const answer = await room.json('/auth/login', { ...ada, email: 'bob@example.org' });
  const copied = await secondStep(room, String(answer.body['second_factor_token']), '123456');
  t.like(copied.body, { code: 'auth_service_error' });
  t.is(copied.status, 500);
});

test('a session cookie needs the CSRF token to change the second factor', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  const { cookie, csrf } = await openSession(room);
  t.like((await room.call('/account/totp', { method: 'POST', headers: { cookie } })).body, {
    code: 'csrf_token_invalid',
  });
  t.is((await room.json('/account/totp', undefined, { cookie, 'X-CSRF-Token': csrf })).status, 201);
});

test('a change of the password ends a sign-in that waits for its code', async (t) => {
  const { room, code, access } = await enrolled(t);
  const { token } = await firstStep(room);
  const next = 'a different long sentence';
  const changed = await room.json(
    '/account/password',
    { current_password: ada.password, new_password: next },
    bearer(access),
  );
  t.is(changed.status, 204);
  const refused = await secondStep(room, token, code());
  t.is(refused.status, 401);
  t.like(refused.body, { code: 'second_factor_invalid' });
  const again = await firstStep(room, { password: next });
  t.is((await secondStep(room, again.token, code())).status, 200);
});

test('a planned removal is cancelled by the second step and not by the first', async (t) => {
  const { room, code, access } = await enrolled(t);
  t.is((await room.json('/account', { password: ada.password }, bearer(access), 'DELETE')).status, 202);
  const planned = async () =>
    (await room.stored.query('select 1 from user_account where removal_at is not null')).length;
  const { token } = await firstStep(room);
  t.is(await planned(), 1);
  t.is((await secondStep(room, token, code())).status, 200);
  t.is(await planned(), 0);
  t.true((await auditActions(room)).includes('user.removal_cancelled'));
});
