import anyTest from 'ava';
import { startMailRoom, tokenFor, type MailRoom } from '#test/mail/mail-room.ts';
import { ada, bearer } from '../room.ts';
import { observeWork, type Work } from './observed-work.ts';

/** One after the other, because the work of all requests of the process is observed. */
const test = anyTest.serial;

const people = {
  verified: 'verified@example.org',
  unverified: 'unverified@example.org',
  disabled: 'disabled@example.org',
  leaving: 'leaving@example.org',
};
/** So few that a stream with an event has no room for another one. */
const auditRefusals = { maxPerHour: 1, maxOfAllPerHour: 1_000 };
const limits = { maxPerRecipient: 1_000, maxPerAccount: 1_000, maxPerNetwork: 1_000 };

/** A room with an account in each state that an address can have. */
const startPeople = async (room: MailRoom): Promise<void> => {
  for (const email of Object.values(people)) await room.json('/auth/register', { ...ada, email });
  await room.work();
  for (const email of [people.verified, people.leaving]) {
    await room.json('/account/email', { token: tokenFor(room, email) }, {}, 'PUT');
  }
  await room.stored.query(
    `insert into owner_end (owner_kind, owner_id, reason, ended_at)
     select 'user', id::text, 'disabled', now() from user_account where email = $1`,
    [people.disabled],
  );
  await room.stored.query('update user_account set removal_at = now() where email = $1', [people.leaving]);
  // The first work of its kind can prepare something that later work does not.
  await room.json('/account/password-reset', { email: people.verified });
};

const addresses: Readonly<Record<string, string>> = { ...people, unknown: 'nobody@example.org' };

for (const verificationRequired of [true, false]) {
  const when = `with${verificationRequired ? '' : 'out'} required verification`;

  test(`${when}, a registration does the same work whether or not the address has an account`, async (t) => {
    const room = await startMailRoom(t, { settings: { verificationRequired }, limits, auditRefusals });
    await startPeople(room);
    const observed = observeWork(t);
    const done: Record<string, Work> = {};
    for (const [state, email] of Object.entries(addresses)) {
      done[state] = await observed.of((headers) => room.json('/auth/register', { ...ada, email }, headers));
    }
    t.is(done['unknown']!.hashes, 2, 'one for the new password, and one for that of the account, or for nothing');
    t.true(done['unknown']!.statements.some((text) => text.includes('insert into user_account')));
    for (const [state, work] of Object.entries(done)) t.deepEqual(work, done['unknown'], state);
  });

  test(`${when}, a request to reset the password does the same work whether or not the address has an account`, async (t) => {
    const room = await startMailRoom(t, { settings: { verificationRequired }, limits, auditRefusals });
    await startPeople(room);
    const observed = observeWork(t);
    const done: Record<string, Work> = {};
    for (const [state, email] of Object.entries(addresses)) {
      done[state] = await observed.of((headers) => room.json('/account/password-reset', { email }, headers));
    }
    t.is(done['unknown']!.hashes, 0, 'a hash would only cost the service');
    t.true(done['unknown']!.statements.some((text) => text.includes('mail_message')));
    t.false(
      done['unknown']!.statements.some((text) => text.includes('user_account')),
      'the address is not looked up',
    );
    for (const [state, work] of Object.entries(done)) t.deepEqual(work, done['unknown'], state);
  });

  test(`${when}, a refused sign-in hashes the password once whether or not the address has an account`, async (t) => {
    const room = await startMailRoom(t, { settings: { verificationRequired }, limits, auditRefusals });
    await startPeople(room);
    const observed = observeWork(t);
    for (const [state, email] of Object.entries(addresses)) {
      const { hashes } = await observed.of((headers) =>
        room.json('/auth/login', { email, password: 'not the right one' }, headers),
      );
      t.is(hashes, 1, state);
    }
  });
}

test('a request to change the address does the same work whether or not the new address has an account', async (t) => {
  const room = await startMailRoom(t, { limits, auditRefusals });
  await startPeople(room);
  const login = await room.json('/auth/login', { ...ada, email: people.verified });
  const credentials = bearer(login.body['access_token']);
  const ask = (email: string, headers: Record<string, string> = {}) =>
    room.json('/account/email', { email, current_password: ada.password }, { ...credentials, ...headers });
  await ask('first@example.org');
  const observed = observeWork(t);
  const free = await observed.of((headers) => ask('nobody@example.org', headers));
  const taken = await observed.of((headers) => ask(people.unverified, headers));
  t.true(free.statements.some((text) => text.includes('email_change')));
  t.deepEqual(taken, free);
});
