import test from 'ava';
import { ada, bearer, signedIn } from '../room.ts';
import { startMailRoom, tokenFor, type MailRoom } from '#test/mail/mail-room.ts';

const next = 'countess@example.org';
const bob = { email: 'bob@example.org', password: 'another long sentence' };

const ask = (room: MailRoom, access: string) =>
  room.json('/account/email', { email: next, current_password: ada.password }, bearer(access));
const confirm = (room: MailRoom, token: string, headers: Record<string, string> = {}) =>
  room.json('/account/email', { token }, headers, 'PUT');
const recipients = ({ smtp }: MailRoom) => smtp.received.flatMap(({ to }) => to);
const emails = async ({ stored }: MailRoom) =>
  (await stored.query('select email from user_account order by email')).map(({ email }) => email);

/** A user whose address is verified, and whose messages so far are forgotten. */
const verified = async (room: MailRoom): Promise<string> => {
  const { access } = await signedIn(room);
  await room.work();
  await confirm(room, tokenFor(room, ada.email));
  room.smtp.received.splice(0);
  return access;
};

test('a new address is confirmed only by the user who asked for it, and the token works until then', async (t) => {
  const room = await startMailRoom(t);
  const { access: others } = await signedIn(room, bob);
  const access = await verified(room);
  const { body: key } = await room.json('/api-keys', { name: 'k', scopes: ['ml:read'] }, bearer(access));
  await ask(room, access);
  await room.work();
  const token = tokenFor(room, next);
  t.is((await confirm(room, tokenFor(room, ada.email))).body['status'], 'waiting', 'the approval needs no credentials');
  t.is((await confirm(room, token)).status, 401);
  t.like((await confirm(room, token)).body, { code: 'credentials_missing' });
  // The owner of the address has an account too, and has asked for the same change.
  t.like((await confirm(room, token, bearer(others))).body, { code: 'credentials_missing' });
  const withKey = await confirm(room, token, { 'X-API-Key': String(key['key']) });
  t.like(withKey.body, { code: 'credentials_missing' });
  t.deepEqual(await emails(room), [ada.email, bob.email]);
  t.deepEqual((await confirm(room, token, bearer(access))).body, { status: 'changed' });
});

test('an approval is not sent to an address that the account has given up', async (t) => {
  const room = await startMailRoom(t);
  const access = await verified(room);
  await ask(room, access);
  await room.stored.query(`update user_account set email = 'given-up@example.org'`);
  await room.work();
  t.deepEqual(recipients(room), [next]);
});
