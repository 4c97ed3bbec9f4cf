import test, { type ExecutionContext } from 'ava';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { ada, auditActions, startRoom, type Room, type RoomParts } from '../room.ts';
import { quickHashing } from '../setup.ts';

/** Holds the transactions of refusals until `release`, and counts those that begin. An answer that waits for one never comes. */
const holdRefusals = () => {
  const seen = { begun: 0, held: Promise.resolve() };
  const held = (unitOfWork: UnitOfWork): UnitOfWork => ({
    run: async (options, work) => {
      if (options.operation !== 'auth.refusal') return unitOfWork.run(options, work);
      seen.begun += 1;
      await seen.held;
      return unitOfWork.run(options, work);
    },
  });
  return { seen, make: ({ unitOfWork }: RoomParts) => ({ unitOfWork: held(unitOfWork) }) };
};

const auditRefusals = { maxPerHour: 2, maxOfAllPerHour: 1_000 };
const wrong = { ...ada, password: 'not the right one' };

const startHeld = async (t: ExecutionContext) => {
  const { seen, make } = holdRefusals();
  const room = await startRoom(t, { auditRefusals, make });
  /** The number of transactions of refusals that one request causes, and that end after its answer. */
  const refused = async (request: (room: Room) => Promise<{ readonly status: number }>) => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    Object.assign(seen, { begun: 0, held });
    t.is((await request(room)).status, 401);
    release();
    await room.recorded();
    return seen.begun;
  };
  const fill = async (request: (room: Room) => Promise<unknown>) => {
    for (let time = 0; time <= auditRefusals.maxPerHour; time += 1) {
      await request(room);
      await room.recorded();
    }
  };
  return { room, refused, fill };
};

test('a refused sign-in is answered before its record, whether or not the window of the account is full', async (t) => {
  const { room, refused, fill } = await startHeld(t);
  await room.json('/auth/register', ada);
  const known = () => room.json('/auth/login', wrong);
  const unknown = () => room.json('/auth/login', { ...wrong, email: 'nobody@example.org' });
  t.is(await refused(known), 1);
  t.is(await refused(unknown), 1);
  await fill(known);
  t.is(await refused(known), 0, 'the window of the account is full');
  t.is(await refused(unknown), 1, 'the answer is the same, with and without a record');
  const recorded = (await auditActions(room)).filter((action) => action === 'user.sign_in_refused');
  t.is(recorded.length, auditRefusals.maxPerHour + 2);
});

test('a refused client is answered before its record, whether or not the window of the client is full', async (t) => {
  const { room, refused, fill } = await startHeld(t);
  await room.stored.query(`insert into oauth_client values ('desk-1', 'd', $1, '{ml:read}', now(), null, null)`, [
    await createSecretHasher({ ...quickHashing, metrics: noMetrics, work: 'client_secret' }).hash('right'),
  ]);
  const ask = (id: string) => () =>
    room.form('/auth/token', { grant_type: 'client_credentials', client_id: id, client_secret: 'wrong' });
  t.is(await refused(ask('desk-1')), 1);
  await fill(ask('desk-1'));
  t.is(await refused(ask('desk-1')), 0);
  t.is(await refused(ask('desk-2')), 1);
});
