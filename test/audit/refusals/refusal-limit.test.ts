import type { RefusalAction } from '#src/kernel/catalogue/audit-actions.ts';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createAuditQueries } from '#src/audit/queries.ts';
import { createRefusalLimit } from '#src/audit/refusals/refusal-limit.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import type { AuditStream } from '#src/kernel/ports/audit.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { setup, startedEvent } from '../setup.ts';

const hourMs = 3_600_000;

const limited = async (
  t: ExecutionContext,
  limits: { readonly maxPerHour: number; readonly maxOfAllPerHour: number },
) => {
  const made = await setup(t);
  let now = Math.ceil(Date.now() / hourMs) * hourMs;
  const clock = { now: () => new Date(now), monotonic: () => now };
  const refusals = createRefusalLimit({ clock, ...limits });
  const audit = createAuditTrail({ clock, metrics: made.metrics, ids: uuidv7, refusals });
  const { unitOfWork, reader } = made.database;
  const refuse = (stream: AuditStream, action: RefusalAction = 'user.sign_in_refused') =>
    unitOfWork.run({ operation: 'auth.refusal' }, (transaction) =>
      audit.record(transaction, { stream, action, outcome: 'refused', target: 'unknown' }),
    );
  const actions = async (stream: string) =>
    (await createAuditQueries({ reader }).chain(stream, 0, 1_000)).map(({ action, data }) => [action, data['omitted']]);
  return { ...made, audit, refusals, refuse, actions, advance: (ms: number) => (now += ms) };
};

test('a flood of refusals leaves a bounded number of events, a count, and a whole chain', async (t) => {
  const room = await limited(t, { maxPerHour: 3, maxOfAllPerHour: 100 });
  const stream = 'sign_in:anonymous-1';
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 5 }, () => room.refuse(stream)));
  }
  const recorded = [...Array(3)].map(() => ['user.sign_in_refused', undefined]);
  t.deepEqual(await room.actions(stream), recorded);
  t.is(room.metrics.value('volwatch_audit_refusals_omitted_total'), 47);
  t.is(room.metrics.value('volwatch_audit_events_total'), 3);

  room.advance(hourMs);
  await room.refuse(stream);
  t.deepEqual(await room.actions(stream), [...recorded, ['refusals.counted', 47], ['user.sign_in_refused', undefined]]);
  t.deepEqual((await verifyAuditTrail(room.database.reader)).faults, []);
});

test('the refusal of a request whose client has left is recorded', async (t) => {
  const room = await limited(t, { maxPerHour: 3, maxOfAllPerHour: 100 });
  const signal = AbortSignal.abort(new AppError('overloaded', 'The client has left'));
  const refusal = { stream: 'user:1', action: 'user.password_refused', target: '1' } as const;
  await runInRequest({ clientIp: '203.0.113.1', signal } as RequestContext, async () => {
    for (const _ of [1, 2]) room.audit.refuse(room.database.unitOfWork, refusal);
    await room.audit.flushRefusals(room.database.unitOfWork);
  });
  t.is((await room.actions('user:1')).length, 2);
});

test('retention writes the count of streams that nobody attacks any more, and removes their rows', async (t) => {
  const room = await limited(t, { maxPerHour: 1, maxOfAllPerHour: 100 });
  const stream = 'user:1';
  for (let left = 4; left > 0; left -= 1) await room.refuse(stream);
  const count = () => room.database.unitOfWork.run({ operation: 'retention' }, (run) => room.audit.countRefusals(run));
  t.is(await count(), 0, 'the hour is not over');
  room.advance(hourMs);
  t.is(await count(), 1);
  t.is(await count(), 0);
  t.deepEqual((await room.actions(stream)).at(-1), ['refusals.counted', 3]);
  room.advance(hourMs);
  t.is(await count(), 0);
  t.deepEqual(await room.admin.query('select 1 from audit_refusal_window'), []);
});

test('one transaction records the counts of three streams, because refused requests wait for its locks', async (t) => {
  const room = await limited(t, { maxPerHour: 1, maxOfAllPerHour: 100 });
  for (let key = 0; key < 7; key += 1) {
    for (let left = 2; left > 0; left -= 1) await room.refuse(`api_key:${key}`);
  }
  room.advance(hourMs);
  const count = () => room.database.unitOfWork.run({ operation: 'retention' }, (run) => room.audit.countRefusals(run));
  t.deepEqual([await count(), await count(), await count(), await count()], [3, 3, 1, 0]);
  t.deepEqual((await verifyAuditTrail(room.database.reader)).faults, []);
});

test('windows that a refusal holds are counted later, and keep no others from their counts', async (t) => {
  const room = await limited(t, { maxPerHour: 1, maxOfAllPerHour: 100 });
  for (const stream of ['user:1', 'user:1', 'user:2', 'user:2', 'user:3'] as const) await room.refuse(stream);
  room.advance(hourMs);
  const { unitOfWork } = room.database;
  const count = () => unitOfWork.run({ operation: 'retention' }, (run) => room.audit.countRefusals(run));
  const holder = new Client({ connectionString: room.admin.url });
  await holder.connect();
  await holder.query(`begin; select from audit_refusal_window where stream in ('user:1', 'user:3') for update`);
  const held = [await count(), await count()];
  await holder.end();
  t.deepEqual(held, [1, 0]);
  t.deepEqual([await count(), await count()], [1, 0]);
  t.deepEqual(await room.admin.query('select 1 from audit_refusal_window'), []);
});

test('the counts of many streams are events too: no hour has more than the max of all, and no refusal is lost', async (t) => {
  const room = await limited(t, { maxPerHour: 2, maxOfAllPerHour: 4 });
  const streams = Array.from({ length: 10 }, (_, key) => `api_key:${key}` as const);
  const events = async () => (await room.admin.query('select 1 from audit_event')).length;
  const count = () => room.database.unitOfWork.run({ operation: 'retention' }, (run) => room.audit.countRefusals(run));
  let refused = 0;
  for (let hour = 1; hour <= 3; hour += 1) {
    await count();
    for (const stream of streams) await room.refuse(stream);
    refused += streams.length;
    // Refusals and counts have each their max.
    t.true((await events()) <= 2 * 4 * hour, `${await events()} events in ${hour} hours`);
    room.advance(hourMs);
  }
  for (let hour = 1; hour <= 10; hour += 1, room.advance(hourMs)) await count();
  const told = await room.admin.query(
    `select sum(case when action = 'refusals.counted' then (data ->> 'omitted')::int else 1 end)::int as told from audit_event`,
  );
  t.is(told[0]!['told'], refused);
  t.deepEqual(await room.admin.query('select 1 from audit_refusal_window'), []);
  t.deepEqual((await verifyAuditTrail(room.database.reader)).faults, []);
});

test('what anybody can cause hides no refusal after a right password, in its stream and in all streams', async (t) => {
  const room = await limited(t, { maxPerHour: 3, maxOfAllPerHour: 5 });
  const stream = 'user:1';
  for (let count = 0; count < 10; count += 1) await room.refuse(stream);
  for (const other of ['user:2', 'user:3', 'user:4'] as const) await room.refuse(other);
  const afterPassword = ['user.second_factor_required', 'user.second_factor_refused', 'user.password_refused'] as const;
  for (const action of [...afterPassword, 'csrf.refused'] as const) await room.refuse(stream, action);
  const recorded = (await room.actions(stream)).map(([action]) => action);
  t.deepEqual(recorded.slice(3), [...afterPassword], 'they have a limit too');
  room.advance(hourMs);
  const count = () => room.database.unitOfWork.run({ operation: 'retention' }, (run) => room.audit.countRefusals(run));
  t.is(await count(), 3);
  const counted = (await room.actions(stream)).filter(([action]) => action === 'refusals.counted');
  t.deepEqual(
    counted.map(([, omitted]) => omitted),
    [7, 1],
  );
  t.deepEqual((await verifyAuditTrail(room.database.reader)).faults, []);
});

test('refusals of many own accounts hide no first refusals after a right password', async (t) => {
  const room = await limited(t, { maxPerHour: 20, maxOfAllPerHour: 5 });
  for (let own = 0; own < 5; own += 1) await room.refuse(`user:own${own}`, 'csrf.refused');
  const victim = 'user:victim';
  for (let count = 0; count < 6; count += 1) await room.refuse(victim, 'user.second_factor_required');
  await room.refuse(victim);
  t.is((await room.actions(victim)).filter(([action]) => action === 'user.second_factor_required').length, 3);
  t.deepEqual((await verifyAuditTrail(room.database.reader)).faults, []);
});

test('a client with an ended key hides no refusal after a right password of the same user', async (t) => {
  const room = await limited(t, { maxPerHour: 3, maxOfAllPerHour: 100 });
  for (let count = 0; count < 10; count += 1) await room.refuse('user:1', 'api_key.refused');
  await room.refuse('user:1', 'user.second_factor_required');
  const recorded = (await room.actions('user:1')).map(([action]) => action);
  t.deepEqual(recorded, [...Array(3).fill('api_key.refused'), 'user.second_factor_required']);
});

test('the first refusals of all users together have a max too', async (t) => {
  const room = await limited(t, { maxPerHour: 20, maxOfAllPerHour: 2 });
  for (let own = 0; own < 8; own += 1) {
    for (let count = 0; count < 4; count += 1) await room.refuse(`user:${own}`, 'csrf.refused');
  }
  t.is((await room.admin.query('select 1 from audit_event')).length, 10, 'five times the max of all');
});

test('a flood of refusals keeps no counts of earlier hours out, and counts have a max in an hour', async (t) => {
  const room = await limited(t, { maxPerHour: 1, maxOfAllPerHour: 4 });
  for (let user = 0; user < 6; user += 1) {
    for (let left = 2; left > 0; left -= 1) await room.refuse(`user:${user}`);
  }
  const count = () => room.database.unitOfWork.run({ operation: 'retention' }, (run) => room.audit.countRefusals(run));
  room.advance(hourMs);
  for (let user = 0; user < 6; user += 1) await room.refuse(`user:other${user}`);
  t.deepEqual([await count(), await count(), await count()], [3, 1, 0]);
  room.advance(hourMs);
  t.deepEqual([await count(), await count(), await count()], [3, 1, 0], 'two of the first hour, and two of the second');
});

test('an exhausted hour is found without a sum over the windows of its streams', async (t) => {
  const room = await limited(t, { maxPerHour: 1, maxOfAllPerHour: 2 });
  const sums: string[] = [];
  const refuse = (stream: AuditStream) =>
    room.database.unitOfWork.run({ operation: 'auth.refusal' }, (transaction) =>
      room.refusals.admit(
        (sql, parameters) => {
          if (sql.includes('sum(recorded)')) sums.push(stream);
          return transaction.query(sql, parameters);
        },
        { stream, action: 'user.sign_in_refused' },
      ),
    );
  for (const user of ['1', '1', '2', '3', '4', '5'] as const) await refuse(`user:${user}`);
  t.deepEqual(sums, ['user:1', 'user:2', 'user:3'], 'not again for a stream that is full, or after the max was found');
  room.advance(hourMs);
  t.deepEqual((await refuse('user:6')).record, true, 'the next hour is read anew');
});

test('many streams together are bounded too, and what is allowed is always recorded', async (t) => {
  const room = await limited(t, { maxPerHour: 3, maxOfAllPerHour: 5 });
  for (const user of ['1', '2', '3']) for (let left = 3; left > 0; left -= 1) await room.refuse(`user:${user}`);
  t.is((await room.admin.query('select 1 from audit_event')).length, 5);
  for (let left = 10; left > 0; left -= 1) {
    await room.database.unitOfWork.run({ operation: 'refresh.record' }, (run) =>
      room.audit.record(run, startedEvent()),
    );
  }
  t.is((await room.admin.query('select 1 from audit_event')).length, 15);
});
