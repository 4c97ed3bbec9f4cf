import test from 'ava';
import { ada, auditActions, bearer, signedIn } from '../room.ts';
import { startMailRoom, tokenFor, type MailRoom } from '#test/mail/mail-room.ts';
import { noLoginThrottle } from '#src/kernel/ports/rate-limiter.ts';

const next = 'countess@example.org';
const bob = { email: 'bob@example.org', password: 'another long sentence' };

const ask = (room: MailRoom, access: string, email = next, password = ada.password) =>
  room.json('/account/email', { email, current_password: password }, bearer(access));
const confirm = (room: MailRoom, token: string, access?: string) =>
  room.json('/account/email', { token }, access === undefined ? {} : bearer(access), 'PUT');
const subjects = (room: MailRoom, address: string) =>
  room.smtp.received.filter(({ to }) => to.includes(address)).map(({ headers }) => headers['subject']);
const emails = async ({ stored }: MailRoom) =>
  (await stored.query('select email from user_account order by email')).map(({ email }) => email);

/** A user whose address is verified, and whose messages so far are forgotten. */
const verified = async (room: MailRoom, who = ada): Promise<string> => {
  const { access } = await signedIn(room, who);
  await room.work();
  await confirm(room, tokenFor(room, who.email));
  room.smtp.received.splice(0);
  return access;
};

test('an address is changed after both addresses have confirmed, in either order', async (t) => {
  for (const first of [next, ada.email]) {
    const room = await startMailRoom(t);
    const access = await verified(room);
    t.is((await ask(room, access, ' Countess@Example.org')).status, 202);
    await room.work();
    t.deepEqual(subjects(room, next), ['Confirm your new e-mail address']);
    t.deepEqual(subjects(room, ada.email), ['Approve the change of your e-mail address']);
    const second = first === next ? ada.email : next;
    const waiting = await confirm(room, tokenFor(room, first), access);
    t.is(waiting.status, 200);
    t.deepEqual(waiting.body, { status: 'waiting' });
    t.deepEqual(await emails(room), [ada.email]);
    t.like((await confirm(room, tokenFor(room, first), access)).body, { code: 'account_token_invalid' });
    t.deepEqual((await confirm(room, tokenFor(room, second), access)).body, { status: 'changed' });
    t.deepEqual(await emails(room), [next]);
    t.is((await room.json('/auth/login', ada)).status, 401);
    t.is((await room.json('/auth/login', { ...ada, email: next })).status, 200);
    await room.work();
    t.true(subjects(room, ada.email).includes('Your e-mail address was changed'));
    const actions = await auditActions(room);
    for (const action of ['user.email_verified', 'user.email_change_requested', 'user.email_changed']) {
      t.true(actions.includes(action), action);
    }
    t.is((await room.stored.query('select 1 from email_change')).length, 0);
  }
});

test('an approval names the new address, and holds for a change to this address only', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  await ask(room, access);
  await room.work();
  const message = room.smtp.received.find(({ to }) => to.includes(ada.email))!;
  t.true(message.text.includes(next));
  const approval = tokenFor(room, ada.email);
  // Somebody who knows the password replaces the address while the approval is on its way.
  await room.stored.query(`update email_change set new_email = 'mallory@example.org'`);
  t.like((await confirm(room, approval, access)).body, { code: 'account_token_invalid' });
  await room.stored.query('update email_change set new_email = $1', [next]);
  t.deepEqual((await confirm(room, approval, access)).body, { status: 'waiting' });
});

test('both confirmations at the same time make the change once', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  await ask(room, access);
  await room.work();
  const answers = await Promise.all([next, ada.email].map((address) => confirm(room, tokenFor(room, address), access)));
  t.deepEqual(answers.map(({ body }) => String(body['status'])).toSorted(), ['changed', 'waiting']);
  t.deepEqual(await emails(room), [next]);
});

test('an address that was never verified needs no approval, so a mistyped one can be corrected', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedIn(room);
  await ask(room, access);
  await room.work();
  t.deepEqual((await confirm(room, tokenFor(room, next), access)).body, { status: 'changed' });
});

test('a change of an older address that was never verified waits three days, in which a reset of the password ends it', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedIn(room);
  await room.stored.query(`update user_account set created_at = created_at - interval '4 days'`);
  const asked = async (shown: string, password = ada.password) => {
    t.is((await ask(room, shown, next, password)).status, 202);
    await room.work();
    return confirm(room, tokenFor(room, next), shown);
  };
  t.deepEqual((await asked(access)).body, { status: 'waiting' });
  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const reset = { token: tokenFor(room, ada.email), new_password: 'a different long sentence' };
  // As before the reset proved the address.
  t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
  await room.stored.query('update user_account set email_verified_at = null');
  t.deepEqual(await room.stored.query('select 1 from email_change'), []);

  const signIn = async () =>
    String((await room.json('/auth/login', { ...ada, password: reset.new_password })).body['access_token']);
  t.deepEqual((await asked(await signIn(), reset.new_password)).body, { status: 'waiting' });
  room.advance(71 * 3_600);
  await room.auth.cleanUp();
  t.deepEqual((await asked(await signIn(), reset.new_password)).body, { status: 'waiting' });
  room.advance(3_601);
  t.deepEqual((await asked(await signIn(), reset.new_password)).body, { status: 'changed' });
});

test('the address of another account is answered in the same way, and its owner is told', async (t) => {
  const room = await startMailRoom(t);
  await verified(room, bob);
  const access = await verified(room);
  const free = await ask(room, access);
  const taken = await ask(room, access, bob.email);
  t.is(taken.status, free.status);
  t.deepEqual(taken.body, free.body);
  await room.work();
  t.deepEqual(subjects(room, bob.email), ['Your address was used']);
  t.deepEqual(subjects(room, next), [], 'the later request replaced the earlier one');
  t.is((await confirm(room, tokenFor(room, ada.email), access)).body['status'], 'waiting');
  t.deepEqual(await emails(room), [ada.email, bob.email]);
});

test('an address that got an account meanwhile is refused, and nothing changes', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  await ask(room, access);
  await room.work();
  const [token, approval] = [tokenFor(room, next), tokenFor(room, ada.email)];
  await room.json('/auth/register', { ...bob, email: next });
  t.is((await confirm(room, approval, access)).body['status'], 'waiting');
  t.like((await confirm(room, token, access)).body, { status: 409, code: 'email_taken', category: 'conflict' });
  t.deepEqual(await emails(room), [ada.email, next]);
});

test('tokens of an earlier or expired change, and of a reset, are void', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  await room.json('/account/password-reset', { email: ada.email });
  await ask(room, access);
  await room.work();
  const reset = /vwm_[\w-]{43}/.exec(
    room.smtp.received.find(({ headers }) => headers['subject'] === 'Reset your password')!.text,
  )![0];
  t.like((await confirm(room, reset, access)).body, { code: 'account_token_invalid' }, 'a token has one purpose');
  const earlier = tokenFor(room, next);
  await ask(room, access, 'third@example.org');
  t.like((await confirm(room, earlier, access)).body, { code: 'account_token_invalid' });
  await room.work();
  await confirm(room, tokenFor(room, ada.email), access);
  t.is((await confirm(room, tokenFor(room, 'third@example.org'), access)).body['status'], 'changed');
  const reuse = { token: reset, new_password: 'a different long sentence' };
  t.like((await room.json('/account/password-reset', reuse, {}, 'PUT')).body, { code: 'account_token_invalid' });

  const again = await ask(room, access, next);
  t.is(again.status, 202);
  await room.work();
  room.advance(86_401);
  t.like((await confirm(room, tokenFor(room, next))).body, { code: 'account_token_invalid' });
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from email_change')).length, 0);
});

test('the password is asked, and a request for the own address verifies it again', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedIn(room);
  await room.work();
  t.like((await ask(room, access, next, 'not my password')).body, { status: 401, code: 'credentials_invalid' });
  room.smtp.received.splice(0);
  t.is((await ask(room, access, ada.email)).status, 202);
  await room.work();
  t.deepEqual(subjects(room, ada.email), ['Confirm your e-mail address']);
  t.is((await confirm(room, tokenFor(room, ada.email))).body['status'], 'verified');
  t.is((await ask(room, access, ada.email)).status, 202);
  await room.work();
  t.is(room.smtp.received.length, 1, 'a verified address gets no further message');
});

for (const way of ['change', 'reset'] as const) {
  test(`a ${way} of the password ends a change of the address that waits`, async (t) => {
    const room = await startMailRoom(t);
    const access = await verified(room);
    await ask(room, access);
    await room.work();
    const [token, approval] = [tokenFor(room, next), tokenFor(room, ada.email)];
    // An intruder who has one confirmation already must not keep it.
    t.deepEqual((await confirm(room, token, access)).body, { status: 'waiting' });
    const password = 'a different long sentence';
    if (way === 'change') {
      const passwords = { current_password: ada.password, new_password: password };
      t.is((await room.json('/account/password', passwords, bearer(access))).status, 204);
    } else {
      await room.json('/account/password-reset', { email: ada.email });
      await room.work();
      const reset = { token: tokenFor(room, ada.email), new_password: password };
      t.is((await room.json('/account/password-reset', reset, {}, 'PUT')).status, 204);
    }
    for (const used of [token, approval]) {
      t.like((await confirm(room, used)).body, { status: 400, code: 'account_token_invalid' });
    }
    t.deepEqual(await emails(room), [ada.email]);
    t.is((await room.stored.query('select 1 from email_change')).length, 0);
    t.is((await room.stored.query('select 1 from account_token')).length, 0);
  });

  test(`messages of a change that wait during a ${way} of the password are not sent`, async (t) => {
    const room = await startMailRoom(t);
    const access = await verified(room);
    await room.json('/account/password-reset', { email: ada.email });
    await room.work();
    await ask(room, access);
    const password = 'a different long sentence';
    const answer =
      way === 'change'
        ? await room.json(
            '/account/password',
            { current_password: ada.password, new_password: password },
            bearer(access),
          )
        : await room.json(
            '/account/password-reset',
            { token: tokenFor(room, ada.email), new_password: password },
            {},
            'PUT',
          );
    t.is(answer.status, 204);
    await room.work();
    t.deepEqual(subjects(room, next), []);
    t.false(subjects(room, ada.email).includes('Approve the change of your e-mail address'));
  });
}

test('a change that is asked for with a password that was changed meanwhile is refused', async (t) => {
  const passwordChange = { run: async (): Promise<void> => {} };
  const room = await startMailRoom(t, {
    // Between the check of the password and the storage of the change.
    throttle: { ...noLoginThrottle, succeeded: () => passwordChange.run() },
  });
  const access = await verified(room);
  passwordChange.run = async () => {
    await room.stored.query(`update user_account set password_hash = 'another'`);
  };
  t.like((await ask(room, access)).body, { status: 401, code: 'credentials_invalid' });
  t.is((await room.stored.query('select 1 from email_change')).length, 0);
});

test('a change of the address removes the messages to the former one that name no account, and keeps the notice', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  await room.json('/account/password-reset', { email: ada.email });
  await ask(room, access);
  await room.work();
  for (const address of [next, ada.email]) {
    const mail = room.smtp.received.findLast(
      ({ to, headers }) => to.includes(address) && !/reset/i.test(headers['subject']!),
    );
    await confirm(room, /vwm_[\w-]{43}/.exec(mail!.text)![0], access);
  }
  t.deepEqual(await emails(room), [next]);
  const kept = await room.stored.query('select kind from mail_message where recipient = $1 order by id', [ada.email]);
  t.deepEqual(kept, [{ kind: 'email_approval' }, { kind: 'email_changed' }]);
  await room.work();
  t.is(subjects(room, ada.email).at(-1), 'Your e-mail address was changed');
});

test('the end of all other sign-ins and a planned removal end a waiting change of the address too', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  const waiting = async () => (await room.stored.query('select 1 from email_change')).length;
  t.is((await ask(room, access)).status, 202);
  t.is(await waiting(), 1);
  const headers = bearer(access);
  t.is((await room.call('/account/sessions?keep_current=true', { method: 'DELETE', headers })).status, 204);
  t.is(await waiting(), 0);
  t.is((await ask(room, access)).status, 202);
  t.is(await waiting(), 1);
  t.is((await room.json('/account', { password: ada.password }, headers, 'DELETE')).status, 202);
  t.is(await waiting(), 0);
});
