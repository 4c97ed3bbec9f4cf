import test from 'ava';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { eventually } from '#testkit/eventually.ts';
import { enrolled, firstStep, secondStep } from '../second-factor/second-factor-setup.ts';
import { ada, signedIn, startRoom, type Answer, type Room } from '../room.ts';

/**
 * Locks the accounts as each change of an account does, waits until `request` waits for the lock, and then does `work`.
 * @returns the answer of `request`
 */
const during = async (
  room: Room,
  request: () => Promise<Answer>,
  work: (transaction: Transaction) => Promise<unknown>,
): Promise<Answer> => {
  const waiting = `select 1 from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%for no key update%'`;
  const sent: Promise<Answer>[] = [];
  await room.database.unitOfWork.run({ operation: 'auth.login' }, async (transaction) => {
    await transaction.query('select 1 from user_account for update');
    sent.push(request());
    await eventually(async () => (await room.stored.query(waiting)).length > 0, 'the sign-in waits for the account');
    await work(transaction);
  });
  return sent[0]!;
};

const planRemoval = ({ query }: Transaction) => query("update user_account set removal_at = now() + interval '1 day'");
const planned = async (room: Room): Promise<number> =>
  (await room.stored.query('select 1 from user_account where removal_at is not null')).length;

test('a second factor that is enabled while the password is checked is asked for', async (t) => {
  for (const session of [false, true]) {
    const room = await startRoom(t);
    await signedIn(room);
    const answer = await during(
      room,
      () => room.json('/auth/login', { ...ada, session }),
      ({ query }) =>
        query(`insert into user_second_factor (user_id, secret, created_at, confirmed_at)
          select id, 'secret', now(), now() from user_account`),
    );
    t.is(answer.status, 401);
    t.is(answer.body['code'], 'second_factor_required');
    t.is(answer.headers.get('set-cookie'), null);
  }
});

test('a removal that is planned while the password is checked is cancelled by the sign-in', async (t) => {
  const room = await startRoom(t);
  await signedIn(room);
  t.is((await during(room, () => room.json('/auth/login', ada), planRemoval)).status, 200);
  t.is(await planned(room), 0);
});

test('a removal that is planned while the second step is checked is cancelled by the sign-in', async (t) => {
  const { room, code } = await enrolled(t);
  const { token } = await firstStep(room);
  t.is((await during(room, () => secondStep(room, token, code()), planRemoval)).status, 200);
  t.is(await planned(room), 0);
});
