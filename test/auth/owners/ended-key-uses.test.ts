import test from 'ava';
import { Client } from 'pg';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { eventually } from '#testkit/eventually.ts';
import { auditActions, bearer, signedIn, startRoom, type Room, type RoomParts } from '../room.ts';

const endedKey = async (room: Room, of: Record<string, string>) => {
  const { body } = await room.json('/api-keys', { name: 'nightly', scopes: [] }, of);
  await room.call(`/api-keys/${String(body['id'])}`, { method: 'DELETE', headers: of });
  return { 'X-API-Key': String(body['key']) };
};

/** Counts the transactions of refusals: those that wait or run, and those that have a connection. */
const watchRefusals = () => {
  const seen = { begun: 0, held: 0, isBroken: false };
  const watched = (unitOfWork: UnitOfWork): UnitOfWork => ({
    run: async (options, work) => {
      if (options.operation !== 'auth.refusal') return unitOfWork.run(options, work);
      seen.begun += 1;
      if (seen.isBroken) throw new AppError('database_unavailable', 'The database is away');
      return unitOfWork.run(options, (transaction) => {
        seen.held += 1;
        return work(transaction);
      });
    },
  });
  return { seen, make: ({ unitOfWork }: RoomParts) => ({ unitOfWork: watched(unitOfWork) }) };
};

const omitted = (room: Room) =>
  room.stored.query(`select data->'omitted' as omitted from audit_event where action = 'refusals.counted'`);

test('the ended keys of one account together leave the refusals of one stream, and those of another account come beside them', async (t) => {
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 4, maxOfAllPerHour: 6 } });
  const user = bearer((await signedIn(room)).access);
  const token = await room.form('/auth/token', {
    grant_type: 'client_credentials',
    client_id: 'desk',
    client_secret: 'bootstrap secret',
  });
  const client = bearer(token.body['access_token']);
  const recorded = async () => (await auditActions(room)).filter((action) => action === 'api_key.refused').length;
  for (let key = 0; key < 8; key += 1) {
    const header = await endedKey(room, user);
    for (let use = 0; use < 3; use += 1) t.is((await room.me(header)).status, 401);
  }
  t.is(await recorded(), 4);
  const other = await endedKey(room, client);
  for (let use = 0; use < 5; use += 1) t.is((await room.me(other)).status, 401);
  t.is(await recorded(), 4 + 3, 'the first three of another owner, although the hour is exhausted');
  room.advance(3_600);
  await room.auth.cleanUp();
  t.deepEqual(
    await room.stored.query(
      `select data->'omitted' as omitted from audit_event where action = 'refusals.counted' order by stream`,
    ),
    [{ omitted: 2 }, { omitted: 20 }],
    'a client, then a user',
  );
});

test('uses of ended keys of one account at once hold one connection, and transactions of others go on', async (t) => {
  const { seen, make } = watchRefusals();
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 60, maxOfAllPerHour: 60 }, make });
  const user = bearer((await signedIn(room)).access);
  const keys: Record<string, string>[] = [];
  for (let made = 0; made < 50; made += 1) keys.push(await endedKey(room, user));
  t.is((await room.me(keys[0]!)).status, 401);
  await room.recorded();
  const holder = new Client({ connectionString: room.stored.url });
  holder.on('error', () => {});
  await holder.connect();
  await holder.query('begin; select from audit_refusal_window for update');
  seen.begun = 0;
  seen.held = 0;
  for (const { status } of await Promise.all(keys.map((key) => room.me(key)))) t.is(status, 401);
  await eventually(
    () => seen.held === 1,
    () => `the record of the first ones begins: ${seen.begun}`,
  );
  const other = { email: 'grace@example.org', password: 'another rather long sentence' };
  t.is(typeof (await signedIn(room, other)).access, 'string');
  t.is(seen.begun, 1, 'later ones wait without a transaction');
  await holder.end();
  // On a busy machine the record waits for too long. Then they are counted.
  room.advance(3_600);
  await room.auth.cleanUp();
  const recorded = (await auditActions(room)).filter((action) => action === 'api_key.refused').length;
  t.is(recorded + (await omitted(room)).reduce((sum, each) => sum + Number(each['omitted']), 0), 51);
});

test('refusals that an hour does not record have no transaction, and their number is recorded after it', async (t) => {
  const { seen, make } = watchRefusals();
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 4, maxOfAllPerHour: 10 }, make });
  const key = await endedKey(room, bearer((await signedIn(room)).access));
  for (let use = 0; use < 5; use += 1) {
    t.is((await room.me(key)).status, 401);
    await room.recorded();
  }
  for (let use = 5; use < 20; use += 1) t.is((await room.me(key)).status, 401);
  t.is(seen.begun, 5, 'four are recorded, and one finds that the hour has enough');
  t.is(room.metrics.value('volwatch_audit_refusals_omitted_total'), 16);
  room.advance(3_600);
  t.is((await room.me(key)).status, 401);
  await room.recorded();
  t.is(seen.begun, 6, 'the next hour records again');
  await room.auth.cleanUp();
  room.advance(3_600);
  await room.auth.cleanUp();
  t.deepEqual(await omitted(room), [{ omitted: 1 }, { omitted: 15 }], 'the window had one, and the memory the others');
});

test('a refusal that cannot be recorded now is counted, and its caller gets the refusal', async (t) => {
  const { seen, make } = watchRefusals();
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 4, maxOfAllPerHour: 10 }, make });
  const key = await endedKey(room, bearer((await signedIn(room)).access));
  seen.isBroken = true;
  for (let use = 0; use < 3; use += 1) t.is((await room.me(key)).status, 401);
  await room.recorded();
  seen.isBroken = false;
  t.is((await room.me(key)).status, 401);
  t.is((await auditActions(room)).filter((action) => action === 'api_key.refused').length, 1);
  room.advance(3_600);
  await room.auth.cleanUp();
  t.deepEqual(await omitted(room), [{ omitted: 3 }]);
});

test('numbers of refusals that cannot be written stay until the next time, and a stop writes them', async (t) => {
  let isBroken = false;
  const make = ({ unitOfWork }: RoomParts) => ({
    unitOfWork: {
      run: async (options, work) => {
        if (isBroken && options.operation === 'auth.maintenance')
          throw new AppError('database_unavailable', 'The database is away');
        return unitOfWork.run(options, work);
      },
    } satisfies UnitOfWork,
  });
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 1, maxOfAllPerHour: 10 }, make });
  const key = await endedKey(room, bearer((await signedIn(room)).access));
  for (let use = 0; use < 7; use += 1) await room.me(key);
  isBroken = true;
  await t.throwsAsync(room.auth.cleanUp(), { code: 'database_unavailable' });
  isBroken = false;
  await room.auth.close();
  t.deepEqual(await room.stored.query('select omitted from audit_refusal_window'), [{ omitted: 6 }]);
});
