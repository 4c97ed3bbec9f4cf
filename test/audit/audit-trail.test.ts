import { trace } from '@opentelemetry/api';
import test from 'ava';
import fc from 'fast-check';
import { createAuditQueries } from '#src/audit/queries.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import type { AuditEvent, Json } from '#src/kernel/ports/audit.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { captureSpans } from '#testkit/spans.ts';
import { setup, startedEvent } from './setup.ts';

const eventsTotal = 'volwatch_audit_events_total';
const chainOf = ({ database }: Awaited<ReturnType<typeof setup>>, stream: string) =>
  createAuditQueries({ reader: database.reader }).chain(stream, 0, 1_000);

test.serial('an event contains actor, action, target, outcome, request id and trace id', async (t) => {
  const made = await setup(t);
  const spans = captureSpans(t);
  const context: RequestContext = {
    requestId: 'request-1',
    traceId: '0'.repeat(32),
    clientIp: '192.0.2.1',
    signal: new AbortController().signal,
    timings: {},
    principal: { kind: 'client', subject: 'client-1', scopes: [] },
  };
  const before = Date.now();
  await runInRequest(context, () =>
    trace.getTracer('test').startActiveSpan('caller', async (span) => {
      await made.record({ ...startedEvent(), reason: 'internal_error' });
      span.end();
    }),
  );

  const [event, ...rest] = await chainOf(made, 'refresh:tech5');
  t.deepEqual(rest, []);
  t.like(event, {
    stream: 'refresh:tech5',
    sequence: 1,
    action: 'refresh.started',
    outcome: 'success',
    actor: { kind: 'client', subject: 'client-1' },
    target: 'one',
    reason: 'internal_error',
    request_id: 'request-1',
    trace_id: spans.named('caller')[0]!.spanContext().traceId,
    data: { universe: 'tech5' },
    previous_hash: '00'.repeat(32),
  });
  t.true(Date.parse(event!.occurred_at) >= before && Date.parse(event!.occurred_at) <= Date.now());
  t.false(JSON.stringify(event).includes('192.0.2.1'));
  t.is(made.metrics.value(eventsTotal, { action: 'refresh.started', outcome: 'success' }), 1);
  const [transaction] = spans.named('db.transaction refresh.record');
  t.deepEqual(
    transaction?.events.map(({ name, attributes }) => [name, attributes]),
    [['audit.recorded', { 'audit.action': 'refresh.started', 'audit.stream': 'refresh:tech5' }]],
  );
});

test.serial(
  'without a principal the actor is anonymous in a request, the system outside a request, or the given actor',
  async (t) => {
    const made = await setup(t);
    const context = { requestId: 'r', traceId: 't', clientIp: '', signal: new AbortController().signal, timings: {} };
    await runInRequest(context, () => made.record(startedEvent()));
    await made.record(startedEvent(), { ...startedEvent(), actor: { kind: 'operator', subject: null } });
    const events = await chainOf(made, 'refresh:tech5');
    t.deepEqual(
      events.map(({ actor, request_id, trace_id }) => [actor.kind, request_id, trace_id]),
      [
        ['anonymous', 'r', 't'],
        ['system', null, null],
        ['operator', null, null],
      ],
    );
  },
);

test('a rolled back transaction writes no event and does not change the head', async (t) => {
  const made = await setup(t);
  await made.record(startedEvent());
  const failing = made.database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
    await made.audit.record(transaction, startedEvent());
    throw new Error('rolled back by the test');
  });
  await t.throwsAsync(failing, { message: 'rolled back by the test' });
  t.is((await chainOf(made, 'refresh:tech5')).length, 1);
  t.deepEqual(await made.admin.query('select sequence::int from audit_stream'), [{ sequence: 1 }]);
  t.is(made.metrics.value(eventsTotal), 1);
});

test('a transaction that is repeated after a conflict writes one event', async (t) => {
  const made = await setup(t);
  let attempts = 0;
  await made.database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
    attempts += 1;
    await made.audit.record(transaction, startedEvent('refresh:tech5', String(attempts)));
    if (attempts === 1) await transaction.query(`do $$ begin raise exception using errcode = '40001'; end $$`);
  });
  t.is(attempts, 2);
  t.deepEqual(
    (await chainOf(made, 'refresh:tech5')).map(({ sequence, target }) => [sequence, target]),
    [[1, '2']],
  );
});

test('if an event cannot be written, its transaction is rolled back', async (t) => {
  const { database, audit, admin } = await setup(t);
  await admin.query('create table change (id int)');
  await admin.query('alter table audit_event rename to elsewhere');
  const change = database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
    await transaction.query('insert into change values (1)');
    await audit.record(transaction, startedEvent());
  });
  await t.throwsAsync(change);
  t.deepEqual(await admin.query('select * from change'), []);
});

test('a transaction locks the stream only at its commit', async (t) => {
  const made = await setup(t);
  const otherCommitted = Promise.withResolvers<void>();
  const slow = made.database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
    await made.audit.record(transaction, startedEvent('refresh:tech5', 'slow'));
    await otherCommitted.promise;
  });
  await made.record(startedEvent('refresh:tech5', 'quick'));
  otherCommitted.resolve();
  await slow;
  t.deepEqual(
    (await chainOf(made, 'refresh:tech5')).map(({ target }) => target),
    ['quick', 'slow'],
  );
});

test('50 concurrent transactions on one stream write one unbroken chain', async (t) => {
  const made = await setup(t);
  await Promise.all(
    Array.from({ length: 50 }, (_, index) => made.record(startedEvent('refresh:tech5', String(index)))),
  );
  const events = await chainOf(made, 'refresh:tech5');
  t.deepEqual(
    events.map(({ sequence }) => sequence),
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  t.is(new Set(events.map(({ target }) => target)).size, 50);
  t.like(await verifyAuditTrail(made.database.reader), { events: 50, streams: 1, faults: [] });
});

test('transactions that record in many streams in any order cause no deadlock', async (t) => {
  const made = await setup(t);
  const streams = ['client:a', 'client:b', 'client:c', 'user:d', 'user:e'] as const;
  const rotated = (by: number): AuditEvent[] =>
    streams.map((_, index) => startedEvent(streams[(index * (by % 2 ? 1 : 4) + by) % streams.length]));
  await Promise.all(Array.from({ length: 40 }, (_, index) => made.record(...rotated(index))));
  t.like(await verifyAuditTrail(made.database.reader), { events: 200, streams: 5, faults: [] });
  // A deadlock would cause a retry, so the count shows that every transaction ran once.
  t.is(made.metrics.value('volwatch_db_transactions_total'), 40);
  t.is(made.metrics.value('volwatch_db_transactions_total', { outcome: 'committed' }), 40);
});

test('an event with any JSON data has the same hash after it was stored in PostgreSQL', async (t) => {
  const made = await setup(t);
  const samples = fc.sample(
    fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' })),
    { numRuns: 200, seed: 7 },
  );
  const events = samples
    .filter((data) => !JSON.stringify(data).includes('\\u0000'))
    .map((data): AuditEvent => ({ ...startedEvent(), data: data as Record<string, Json> }));
  t.true(events.length > 150);
  await made.record(...events);
  t.like(await verifyAuditTrail(made.database.reader), { events: events.length, faults: [] });
});
