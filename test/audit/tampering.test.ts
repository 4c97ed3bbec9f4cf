import test from 'ava';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import { setup, startedEvent } from './setup.ts';

const refusals = [
  `update audit_event set target = 'x'`,
  'update audit_event set target = target where false',
  'delete from audit_event',
  'truncate audit_event',
  'truncate audit_event, audit_stream',
  'delete from audit_stream',
  `update audit_stream set hash = '\\x00'`,
  'update audit_stream set sequence = sequence + 1',
  'update audit_stream set sequence = 0',
  `insert into audit_event select * from audit_event on conflict (id) do update set target = 'x'`,
];

test('the database refuses to change or delete an event', async (t) => {
  const { admin, record } = await setup(t);
  await record(startedEvent(), startedEvent());
  const before = await admin.query('select * from audit_event order by id');
  for (const statement of refusals) {
    await t.throwsAsync(admin.query(statement), { message: /append-only/, code: '23001' }, statement);
  }
  t.deepEqual(await admin.query('select * from audit_event order by id'), before);
  t.is(before.length, 2);
});

/** Runs `statement` without the triggers. Only the owner of the tables or a superuser can do this. */
const forge = (statement: string): string =>
  `do $forge$ begin
    set local session_replication_role = replica;
    ${statement};
  end $forge$`;

const last = `(select id from audit_event where stream = 'refresh:tech5' order by sequence desc limit 1)`;
const forgeries = [
  { what: 'a changed target', sql: `update audit_event set target = 'x' where sequence = 2`, at: 2 },
  { what: 'changed data', sql: `update audit_event set data = '{"universe": "x"}' where sequence = 3`, at: 3 },
  { what: 'a changed actor', sql: `update audit_event set actor_subject = 'x' where sequence = 4`, at: 4 },
  {
    what: 'a changed time',
    sql: `update audit_event set occurred_at = occurred_at - interval '1 ms' where sequence = 1`,
    at: 1,
  },
  { what: 'a deleted event', sql: 'delete from audit_event where sequence = 3', at: 4 },
  { what: 'a deleted first event', sql: 'delete from audit_event where sequence = 1', at: 2 },
  { what: 'a truncated tail', sql: 'delete from audit_event where sequence > 3', at: 4 },
  { what: 'all events deleted', sql: 'delete from audit_event', at: 1 },
  { what: 'a deleted head', sql: 'delete from audit_stream', at: 1 },
  {
    what: 'an event inserted after the head',
    sql: `insert into audit_event select gen_random_uuid(), stream, 6, action, outcome, actor_kind, actor_subject, target,
      reason, request_id, trace_id, occurred_at, data, hash, hash from audit_event where id = ${last}`,
    at: 6,
  },
  {
    what: 'two events with swapped positions',
    sql: `update audit_event set sequence = 12 - sequence where sequence in (2, 3);
      update audit_event set sequence = sequence - 7 where sequence > 5`,
    at: 2,
  },
] as const;

for (const { what, sql, at } of forgeries) {
  test(`the verification finds ${what}`, async (t) => {
    const { admin, record, database } = await setup(t);
    for (let index = 1; index <= 5; index += 1) await record(startedEvent('refresh:tech5', String(index)));
    await record(startedEvent('refresh:sp500'));
    t.deepEqual((await verifyAuditTrail(database.reader)).faults, []);

    await admin.query(forge(sql.replaceAll('where sequence', `where stream = 'refresh:tech5' and sequence`)));

    const { faults } = await verifyAuditTrail(database.reader);
    const fault = faults.find(({ stream }) => stream === 'refresh:tech5');
    t.is(fault?.sequence, at, JSON.stringify(faults));
  });
}

test('an anchor shows that a whole chain and its head were rewritten', async (t) => {
  const { admin, record, database } = await setup(t);
  await record(startedEvent(), startedEvent());
  const { anchors } = await verifyAuditTrail(database.reader);
  t.like(anchors, [{ stream: 'refresh:tech5', sequence: 2 }]);
  t.deepEqual((await verifyAuditTrail(database.reader, anchors)).faults, []);

  // All events are deleted, and the service writes other events with the same length of the chain.
  await admin.query(forge('delete from audit_event; delete from audit_stream'));
  await record(startedEvent('refresh:tech5', 'forged'), startedEvent('refresh:tech5', 'forged'));

  t.deepEqual((await verifyAuditTrail(database.reader)).faults, []);
  const { faults } = await verifyAuditTrail(database.reader, anchors);
  t.like(faults, [{ stream: 'refresh:tech5', sequence: 2 }]);

  await admin.query(forge('delete from audit_event; delete from audit_stream'));
  t.like((await verifyAuditTrail(database.reader, anchors)).faults, [{ stream: 'refresh:tech5', sequence: 1 }]);
});

test('a disabled or missing trigger is reported', async (t) => {
  const { admin, database } = await setup(t);
  await admin.query('alter table audit_event disable trigger audit_event_refuse');
  await admin.query('drop trigger audit_stream_advance on audit_stream');
  t.deepEqual(
    (await verifyAuditTrail(database.reader)).faults.map(({ problem }) => problem),
    ['Trigger audit_event_refuse is missing or disabled', 'Trigger audit_stream_advance is missing or disabled'],
  );
});

test('each anchor is looked at a few times, however many streams there are', async (t) => {
  const { database } = await setup(t);
  let looks = 0;
  const anchors = Array.from({ length: 100 }, (_, number) => ({
    get stream() {
      looks += 1;
      return `refresh:${number}`;
    },
    sequence: 1,
    hash: '00',
  }));
  const { faults, streams } = await verifyAuditTrail(database.reader, anchors);
  t.deepEqual([faults.length, streams], [100, 100]);
  t.true(looks <= 10 * anchors.length, `${looks} looks`);
});
