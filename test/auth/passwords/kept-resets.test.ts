import test from 'ava';
import { signedInUser, startMailRoom, tokenFor, type MailRoom, type MailRoomOptions } from '#test/mail/mail-room.ts';
import { idOf, patch, tokenOfClient } from '../administration/users.ts';
import { ada, bearer, quickCaches, refresh, signedIn } from '../room.ts';
import { authenticator } from '../second-factor/second-factor-setup.ts';

const next = 'a different long sentence';

const ask = async (room: MailRoom): Promise<void> => {
  await room.json('/account/password-reset', { email: ada.email });
  await room.work();
};
const reset = (room: MailRoom, token: string) =>
  room.json('/account/password-reset', { token, new_password: next }, {}, 'PUT');
const remove = (room: MailRoom, path: string, access: string) =>
  room.call(path, { method: 'DELETE', headers: bearer(access) });

const start = async (t: Parameters<typeof startMailRoom>[0], options: MailRoomOptions = {}) => {
  const room = await startMailRoom(t, { ...quickCaches, ...options });
  const thief = await signedInUser(room);
  await room.stored.query('update user_account set email_verified_at = now()');
  return { room, thief };
};

test('who has a sign-in of the owner ends no reset by mail, and the owner comes back', async (t) => {
  const { room, thief } = await start(t);
  const { body } = await room.json('/account/totp', undefined, bearer(thief.access));
  const code = authenticator(String(body['uri']))();
  t.is((await room.json('/account/totp', { code }, bearer(thief.access), 'PUT')).status, 200);
  await ask(room);
  const token = tokenFor(room, ada.email);
  // Before its owner opens the message.
  for (let poll = 0; poll < 3; poll += 1) {
    t.is((await remove(room, '/account/sessions?keep_current=true', thief.access)).status, 204);
  }
  t.is((await refresh(room, thief.refresh)).status, 200);
  t.is((await remove(room, '/account/totp', thief.access)).status, 204);
  t.is((await remove(room, '/account/sessions', thief.access)).status, 204);

  t.is((await reset(room, token)).status, 204);
  t.is((await room.json('/auth/login', { ...ada, password: next })).status, 200);
});

test('who ends one sign-in, logs out or revokes a token ends no reset by mail', async (t) => {
  const { room, thief } = await start(t);
  await ask(room);
  const [family] = await room.stored.query('select id from refresh_family');
  const others = [await signedIn(room), await signedIn(room)] as const;
  t.is((await remove(room, `/account/sessions/${String(family?.['id'])}`, thief.access)).status, 204);
  t.is((await room.call('/auth/logout', { method: 'POST', headers: bearer(others[0].access) })).status, 204);
  t.is((await room.form('/auth/revoke', { token: others[1].refresh })).status, 200);
  t.is((await reset(room, tokenFor(room, ada.email))).status, 204);
});

test('who knows the password ends no reset by mail, also by a change of the password and a planned removal', async (t) => {
  const { room, thief } = await start(t);
  await ask(room);
  const token = tokenFor(room, ada.email);
  const third = 'a third long sentence';
  const change = { current_password: ada.password, new_password: third };
  t.is((await room.json('/account/password', change, bearer(thief.access))).status, 204);
  const wanted = { email: 'mallory@example.org', current_password: third };
  t.is((await room.json('/account/email', wanted, bearer(thief.access))).status, 202);
  t.is((await room.json('/account', { password: third }, bearer(thief.access), 'DELETE')).status, 202);

  t.is((await reset(room, token)).status, 204);
  t.deepEqual(await room.stored.query('select 1 from email_change'), []);
  const [account] = await room.stored.query('select removal_at from user_account');
  t.is(account?.['removal_at'], null, 'the reset cancels the removal');
});

test('who uses up the messages of an hour, and ends sign-ins between, leaves the owner a token that works', async (t) => {
  const { room, thief } = await start(t, { limits: { maxPerRecipient: 2, tokenSeconds: { password_reset: 1_800 } } });
  for (let message = 0; message < 2; message += 1) {
    await ask(room);
    t.is((await remove(room, '/account/sessions?keep_current=true', thief.access)).status, 204);
  }
  const sent = room.smtp.received.length;
  await ask(room);
  t.is(room.smtp.received.length, sent, 'the limit is used up');
  t.is((await reset(room, tokenFor(room, ada.email))).status, 204);
});

test('an operator who ends all credentials ends resets by mail too', async (t) => {
  const { room } = await start(t);
  await ask(room);
  const token = tokenFor(room, ada.email);
  const [id, desk] = [await idOf(room), await tokenOfClient(room)];
  t.is((await room.json(`/users/${id}/sessions/revoke`, undefined, desk)).status, 200);
  t.is((await room.stored.query(`select 1 from account_token where purpose = 'password_reset'`)).length, 1);
  for (const disabled of [true, false]) t.is((await patch(room, id, { disabled }, desk)).status, 200);
  t.like((await reset(room, token)).body, { code: 'account_token_invalid' });
});
