import { setTimeout as sleep } from 'node:timers/promises';
import { propagation } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { removeOldWebhookEvents } from '#src/webhooks/retention.ts';
import { captureSpans } from '#testkit/spans.ts';
import { isVerified, startReceiver } from '#testkit/servers/webhook-receiver.ts';
import { auditActions, newUser, refreshed, registered, startRoom, type Room } from './setup.ts';

propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const deliveriesOf = async (room: Room, id: string): Promise<Record<string, unknown>[]> =>
  (await room.call('GET', `/webhooks/${id}/deliveries`)).body['data'] as Record<string, unknown>[];
const webhookOf = async (room: Room, id: string) => (await room.call('GET', `/webhooks/${id}`)).body;
const count = (room: Room, outcome: string): number =>
  room.metrics.value('volwatch_webhook_deliveries_total', { outcome });

test.serial('an event arrives once at each that subscribes, signed, with its row, span, metric and line', async (t) => {
  const spans = captureSpans(t);
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const path = '/hooks/canary-path-77aa?key=canary-query-31';
  const { id, secret } = await registered(room, `${receiver.url}${path}`);
  await registered(room, receiver.url, { events: ['refresh.failed'] });
  await registered(room, `${receiver.url}/other`, { owner: await newUser(room) });
  await room.announce(refreshed);
  t.deepEqual(receiver.received, [], 'nothing is sent where it is announced');
  t.deepEqual(await room.work(), []);

  t.deepEqual(receiver.received.map((each) => each.path).sort(), [path, '/other'].sort());
  const message = receiver.received.find((each) => each.path === path)!;
  t.true(await isVerified(message, secret));
  t.false(await isVerified({ ...message, body: `${message.body} ` }, secret));
  const body = JSON.parse(message.body) as Record<string, unknown>;
  t.deepEqual(Object.keys(body), ['type', 'timestamp', 'data']);
  t.like(body, refreshed);
  t.like(message.headers, { 'content-type': 'application/json', 'user-agent': 'volwatch/test' });

  const [delivery] = await deliveriesOf(room, id);
  t.like(delivery, { type: 'refresh.succeeded', state: 'delivered', attempts: 1, status: 204, outcome: 'delivered' });
  t.is(delivery?.['event_id'], message.headers['webhook-id']);
  t.is(count(room, 'delivered'), 2);
  t.is(room.metrics.value('volwatch_webhook_delivery_duration_seconds', { outcome: 'delivered' }), 2);
  const made = spans.named('webhook.deliver');
  t.is(made.length, 2);
  t.like(made[0]!.attributes, { 'server.address': '127.0.0.1', 'http.response.status_code': 204 });
  t.true(made.some((span) => message.headers['traceparent']?.includes(span.spanContext().spanId)));
  t.is(room.lines.filter((line) => line['message'] === 'a webhook was delivered').length, 2);

  const told = JSON.stringify([
    room.lines,
    spans.all().map(({ name, attributes, events }) => [name, attributes, events]),
  ]);
  for (const canary of ['canary', secret, secret.slice(6), message.headers['webhook-signature']!]) {
    t.false(told.includes(canary), canary);
  }
});

test.serial('carried out again, an event makes no second delivery', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url);
  await room.announce(refreshed);
  const [job] = room.queued;
  await room.work();
  room.queued.push(job!);
  await room.work();
  // Nor does a second job for the same delivery.
  const [row] = await room.stored.query('select webhook_id, event_id from webhook_delivery');
  room.queued.push({ queue: 'webhook_delivery', data: row as Record<string, string> });
  await room.work();
  t.is(receiver.received.length, 1);
});

test.serial('what nobody subscribes to is not stored', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url, { events: ['refresh.failed'] });
  await room.announce(refreshed);
  t.deepEqual(await room.stored.query('select 1 from webhook_event'), []);
  t.deepEqual(room.queued, []);
});

test.serial('what is rolled back is not announced', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url);
  const { unitOfWork } = room.database;
  const failing = unitOfWork.run({ operation: 'refresh.finish' }, async (transaction) => {
    await room.outbox.announce(transaction, refreshed);
    throw new AppError('database_conflict');
  });
  await t.throwsAsync(failing, { code: 'database_conflict' });
  t.deepEqual(await room.stored.query('select 1 from webhook_event'), []);
  await room.announce(refreshed);
  t.is((await room.stored.query('select 1 from webhook_event')).length, 1);
});

test.serial('a schema without webhooks costs the announcement, not what is announced', async (t) => {
  const room = await startRoom(t);
  await room.stored.query('create table effect (id int)');
  await room.stored.query('drop table webhook_delivery, webhook_event');
  await room.database.unitOfWork.run({ operation: 'refresh.finish' }, async (transaction) => {
    await room.outbox.announce(transaction, refreshed);
    await transaction.query('insert into effect values (1)');
  });
  t.is((await room.stored.query('select 1 from effect')).length, 1);
  t.like(room.lines.at(-1), { code: 'database_schema_outdated', event_type: 'refresh.succeeded' });
});

test.serial('what was stored before the queues were open gets its job later', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url);
  room.queuesOpen = false;
  await room.announce(refreshed);
  t.deepEqual(room.queued, []);
  room.queuesOpen = true;
  await room.outbox.resume();
  await room.work();
  t.is(receiver.received.length, 1);
  await room.outbox.resume();
  t.deepEqual(room.queued, []);
});

for (const [fault, code, status] of [
  [500, 'external_api_bad_response', 500],
  ['redirect', 'external_api_bad_response', 302],
  ['reset', 'external_api_unavailable', null],
  ['hang', 'external_api_timeout', null],
] as const) {
  test.serial(`after ${fault} a delivery is tried again with the same bytes and id`, async (t) => {
    const room = await startRoom(t);
    const receiver = await startReceiver(t);
    const { id, secret } = await registered(room, receiver.url);
    receiver.fault = fault;
    await room.announce(refreshed);
    await room.outbox.handleEvent(room.queued.shift()!.data, AbortSignal.timeout(1_000), { last: false });
    const [job] = room.queued;
    t.deepEqual(await room.work(), [code]);
    t.like(await deliveriesOf(room, id), [{ state: 'waiting', attempts: 1, status, outcome: 'failed' }]);
    t.is(count(room, 'failed'), 1);
    t.like(
      room.lines.find((line) => line['message'] === 'a webhook was not delivered'),
      { code, outcome: 'failed', webhook_id: id },
    );
    receiver.fault = undefined;
    room.queued.push(job!);
    t.deepEqual(await room.work(), []);
    t.like(await deliveriesOf(room, id), [{ state: 'delivered', attempts: 2, status: 204 }]);
    const [first, second] = receiver.received;
    t.is(first?.body, second?.body);
    t.is(first?.headers['webhook-id'], second?.headers['webhook-id']);
    t.true(await isVerified(second!, secret));
  });
}

test.serial('one delivery after the other given up disables a webhook; a test that arrives enables it', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id, secret } = await registered(room, receiver.url);
  receiver.fault = 503;
  const giveUp = async (): Promise<void> => {
    await room.announce(refreshed);
    await room.work({ last: true });
  };
  await giveUp();
  t.like(await webhookOf(room, id), { status: 'active' });
  // Tests do not count against it.
  await room.call('POST', `/webhooks/${id}/test`);
  t.deepEqual(await room.work(), [], 'nor are they tried again');
  t.like(await webhookOf(room, id), { status: 'active' });
  await room.announce(refreshed);
  await room.outbox.handleEvent(room.queued.shift()!.data, AbortSignal.timeout(1_000), { last: false });
  const [late] = room.queued.splice(0);
  await giveUp();
  t.like(await webhookOf(room, id), { status: 'disabled', disabled_reason: 'failing' });
  t.is(count(room, 'dead'), 3);
  const sent = receiver.received.length;
  await giveUp();
  t.is(receiver.received.length, sent, 'a disabled webhook is left alone');
  room.queued.push(late!);
  t.deepEqual(await room.work(), []);
  t.is(receiver.received.length, sent, 'also by what waited');

  receiver.fault = undefined;
  const { status, body } = await room.call('POST', `/webhooks/${id}/test`);
  t.is(status, 202);
  await room.work();
  const last = receiver.received.at(-1)!;
  t.true(await isVerified(last, secret));
  t.is(last.headers['webhook-id'], String(body['event_id']));
  t.like(JSON.parse(last.body), { type: 'webhook.test', data: { webhook_id: id } });
  t.like(await webhookOf(room, id), { status: 'active', disabled_reason: null, disabled_at: null });
  t.deepEqual(await auditActions(room), [
    'webhook.created',
    'webhook.tested',
    'webhook.disabled',
    'webhook.tested',
    'webhook.enabled',
  ]);
  t.deepEqual(
    (await deliveriesOf(room, id)).map(({ state }) => state),
    ['delivered', 'dead', 'dead', 'dead', 'dead'],
  );
});

test.serial('a delivery that arrives forgives those before it', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id } = await registered(room, receiver.url);
  for (const fault of [500, undefined, 500] as const) {
    receiver.fault = fault;
    await room.announce(refreshed);
    await room.work({ last: true });
  }
  t.like(await webhookOf(room, id), { status: 'active' });
});

test.serial('410 disables a webhook at once', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id } = await registered(room, receiver.url);
  receiver.fault = 410;
  await room.announce(refreshed);
  t.deepEqual(await room.work(), [], 'and is not tried again');
  t.like(await webhookOf(room, id), { status: 'disabled', disabled_reason: 'gone' });
  t.like(await deliveriesOf(room, id), [{ state: 'dead', status: 410, outcome: 'gone' }]);
  t.is(count(room, 'gone'), 1);
});

test.serial('that one receiver hangs closes nothing for another', async (t) => {
  const room = await startRoom(t);
  const [slow, quick] = [await startReceiver(t), await startReceiver(t)];
  slow.fault = 'hang';
  await registered(room, slow.url);
  await registered(room, quick.url);
  for (let sent = 0; sent < 3; sent += 1) await room.announce(refreshed);
  t.is((await room.work()).length, 3);
  t.is(quick.received.length, 3);
});

test.serial('what waits for a deleted webhook is not sent', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id } = await registered(room, receiver.url);
  await room.announce(refreshed);
  await room.outbox.handleEvent(room.queued.shift()!.data, AbortSignal.timeout(1_000), { last: false });
  t.is((await room.call('DELETE', `/webhooks/${id}`)).status, 204);
  t.deepEqual(await room.work(), []);
  t.deepEqual(receiver.received, []);
});

test.serial('events and their deliveries are removed after their days', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url);
  await room.announce(refreshed);
  // The two events must have different times.
  await sleep(2);
  await room.announce(refreshed);
  await room.work();
  await room.stored.query(
    `update webhook_event set occurred_at = now() - interval '31 days' where id = (select min(id::text)::uuid from webhook_event)`,
  );
  t.is(await room.database.unitOfWork.run({ operation: 'retention' }, (run) => removeOldWebhookEvents(run, 30)), 2);
  t.is((await room.stored.query('select 1 from webhook_delivery')).length, 1);
});
