import test from 'ava';
import { createRevocationReads } from '#src/auth/tokens/revocation-reads.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { eventually } from '#testkit/eventually.ts';
import { bearer, openSession, signedIn, startRoom } from '../room.ts';

const daySeconds = 86_400;

test('a token stays revoked when the clock of the process steps by a day and back', async (t) => {
  const { stored, database } = await startRoom(t);
  await stored.query(
    `insert into revoked_token (token_id, revoked_at, expires_at) values
       ('live', now() - interval '1 minute', now() + interval '10 minutes'),
       ('over', now() - interval '1 hour', now() - interval '298 seconds')`,
  );
  let ahead = 0;
  let polls = 0;
  const clock = { now: () => new Date(Date.now() + ahead * 1_000), monotonic: () => performance.now() };
  const query = (async (text: string, parameters?: readonly unknown[]) => {
    polls += 1;
    return database.reader.query(text, parameters);
  }) as Query;
  const reads = createRevocationReads({ reader: { query }, clock, logger: silentLogger, pollMs: 20 });
  reads.start();
  t.teardown(reads.close);
  const polled = async (): Promise<void> => {
    const before = polls;
    await eventually(() => polls >= before + 3, 'the table is polled');
  };
  const isRevoked = (tokenId: string) => reads.isRevoked({ kind: 'user', subject: 'ada', scopes: [], tokenId });

  await polled();
  t.is(await isRevoked('live'), true);
  const announced = { id: 'announced', expiresAt: new Date(Date.now() + 600_000) };
  reads.add([announced]);
  for (const seconds of [daySeconds, -daySeconds, 0]) {
    ahead = seconds;
    await polled();
    for (const id of ['live', 'announced']) t.is(await isRevoked(id), true, `${id} at ${seconds} s`);
  }
  await eventually(async () => !(await isRevoked('over')), 'it leaves the memory five minutes after its end');
});

test('tokens that were revoked while the machine was suspended are read, although its monotonic clock stood still', async (t) => {
  const { stored, database } = await startRoom(t);
  let polls = 0;
  const inserted = Promise.withResolvers<void>();
  // For the database, 20 minutes have passed since the first poll. The clock of the process stood still.
  const query = (async (text: string, parameters?: readonly unknown[]) => {
    if (polls > 0) await inserted.promise;
    const rows = await database.reader.query(text, parameters);
    polls += 1;
    const before = { read_at: String(Date.now() - 1_200_000) };
    return polls === 1 ? rows.map((row) => ({ ...row, ...before })) : rows;
  }) as Query;
  const clock = { now: () => new Date(), monotonic: () => performance.now() };
  const reads = createRevocationReads({ reader: { query }, clock, logger: silentLogger, pollMs: 1_000 });
  reads.start();
  t.teardown(reads.close);
  await eventually(() => polls >= 1, 'the first poll');
  await stored.query(
    `insert into revoked_token (token_id, revoked_at, expires_at)
     values ('meanwhile', now() - interval '10 minutes', now() + interval '5 minutes')`,
  );
  inserted.resolve();
  await eventually(
    async () => reads.isRevoked({ kind: 'user', subject: 'ada', scopes: [], tokenId: 'meanwhile' }),
    'the token is known',
  );
  t.true(polls > 1);
});

test('a token stays revoked when the clock of the database is ahead for a while', async (t) => {
  let secondsLeft = 600;
  let polls = 0;
  const query = (async () => {
    polls += 1;
    // A clock that is ahead by 20 minutes tells the token once more, and then no more.
    const row = { token_id: polls <= 2 ? 'live' : null, seconds_left: secondsLeft, read_at: String(Date.now()) };
    secondsLeft = -600;
    return [row];
  }) as Query;
  const clock = { now: () => new Date(), monotonic: () => performance.now() };
  const reads = createRevocationReads({ reader: { query }, clock, logger: silentLogger, pollMs: 20 });
  reads.start();
  t.teardown(reads.close);
  await eventually(() => polls >= 5, 'the table is polled');
  t.is(await reads.isRevoked({ kind: 'user', subject: 'ada', scopes: [], tokenId: 'live' }), true);
});

test('the clean-up of an instance whose clock is a day ahead removes nothing that is in use', async (t) => {
  const room = await startRoom(t, {
    make: ({ reader }) => ({
      databaseTime: async () => (await reader.query<{ time: Date }>('select now() as time'))[0]!.time,
    }),
  });
  const { access } = await signedIn(room);
  await room.form('/auth/revoke', { token: access });
  await signedIn(room);
  await openSession(room);
  const tables = ['revoked_token', 'refresh_token', 'refresh_family', 'user_session'];
  const counts = (): Promise<unknown[]> =>
    Promise.all(tables.map(async (table) => (await room.stored.query(`select 1 from ${table}`)).length));
  const before = await counts();
  t.false(before.includes(0), String(before));
  room.advance(30 * daySeconds);
  await room.auth.cleanUp();
  t.deepEqual(await counts(), before);
  room.advance(-30 * daySeconds);
  t.is((await room.me(bearer(access))).body['code'], 'token_revoked');
});
