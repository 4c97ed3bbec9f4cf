import test from 'ava';
import { signedInUser, startMailRoom, tokenFor, type MailRoom } from '#test/mail/mail-room.ts';
import { ada, auditActions, bearer, openSession, refresh, signedIn } from '../room.ts';
import { authenticator } from './second-factor-setup.ts';

const next = 'a different long sentence';

const addFactor = async (room: MailRoom, access: string): Promise<number> => {
  const { body } = await room.json('/account/totp', undefined, bearer(access));
  const code = authenticator(String(body['uri']));
  return (await room.json('/account/totp', { code: code() }, bearer(access), 'PUT')).status;
};

const resetByMail = async (room: MailRoom): Promise<number> => {
  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
  const reset = { token: tokenFor(room, ada.email), new_password: next };
  return (await room.json('/account/password-reset', reset, {}, 'PUT')).status;
};

const subjects = async (room: MailRoom): Promise<readonly string[]> => {
  await room.work();
  return room.smtp.received.map(({ headers }) => String(headers['subject']));
};

test('somebody who knew the password locks the owner out by no second factor, and removes no account', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  await room.stored.query('update user_account set email_verified_at = now()');
  t.is(await addFactor(room, access), 200);
  const removal = { method: 'DELETE', headers: { ...bearer(access), 'Content-Type': 'application/json' } };
  t.is((await room.call('/account', { ...removal, body: JSON.stringify({ password: ada.password }) })).status, 202);
  t.true((await subjects(room)).includes('A second factor was added'));

  t.is(await resetByMail(room), 204);
  t.is((await room.json('/auth/login', { ...ada, password: next })).status, 200);
  const [account] = await room.stored.query('select removal_at from user_account');
  t.is(account?.['removal_at'], null);
  const actions = await auditActions(room);
  t.true(actions.includes('user.second_factor_removed'));
  t.true(actions.includes('user.removal_cancelled'));
  const told = await subjects(room);
  t.true(told.includes('Your second factor was removed'));
  t.true(told.includes('Your account stays'));
});

test('the owner is told when a second factor is removed', async (t) => {
  const room = await startMailRoom(t);
  const { access } = await signedInUser(room);
  await room.stored.query('update user_account set email_verified_at = now()');
  await addFactor(room, access);
  t.is((await room.call('/account/totp', { method: 'DELETE', headers: bearer(access) })).status, 204);
  t.true((await subjects(room)).includes('Your second factor was removed'));
});

test('the addition of a second factor ends all other sign-ins', async (t) => {
  const room = await startMailRoom(t);
  const { access, refresh: own } = await signedInUser(room);
  await room.stored.query('update user_account set email_verified_at = now()');
  const other = await signedIn(room);
  const { cookie } = await openSession(room);
  t.is(await addFactor(room, access), 200);
  t.is((await room.me(bearer(other.access))).status, 401);
  t.is((await room.me({ Cookie: cookie })).status, 401);
  t.is((await refresh(room, other.refresh)).status, 400);
  t.is((await room.me(bearer(access))).status, 200);
  t.is((await refresh(room, own)).status, 200);
});
