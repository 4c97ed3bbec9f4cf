import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { removeDeliveriesOfDeletedWebhooks } from '#src/webhooks/retention.ts';
import { startReceiver } from '#testkit/servers/webhook-receiver.ts';
import { newUser, refreshed, registered, startRoom, type Room } from './setup.ts';

/** Distributes what is announced, and stops before the commit of the first part. */
const distributing = async (room: Room) => {
  const [isHeld, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  room.beforeEnqueued = () => {
    isHeld.resolve();
    return gate.promise;
  };
  const worked = room.work();
  await isHeld.promise;
  return { end: gate.resolve, worked };
};

test.serial('changes of webhooks do not wait while an event is distributed, and others find connections', async (t) => {
  const room = await startRoom(t, { maxPerOwner: 9 });
  const receiver = await startReceiver(t);
  const own = [];
  for (let count = 0; count < 9; count += 1) own.push(await registered(room, receiver.url));
  await room.announce(refreshed);
  const { end, worked } = await distributing(room);
  const [gone, ...rotated] = own.map(({ id }) => id);
  const changes = [
    ...rotated.map((id) => room.call('POST', `/webhooks/${id}/rotate`)),
    room.call('DELETE', `/webhooks/${gone}`),
    room.call('POST', '/webhooks', await newUser(room), { url: receiver.url, events: ['refresh.failed'] }),
  ];
  const statuses = (await Promise.all(changes)).map(({ status }) => status);
  t.deepEqual(statuses, [...rotated.map(() => 200), 204, 201]);
  end();
  t.deepEqual(await worked, [], 'a deleted webhook keeps nobody from the event');
  t.is(receiver.received.length, 8);
});

const ends = {
  'a user is disabled while an event is distributed to his webhook': ({ credentials }, id) => credentials.disable(id),
  'a user is removed while an event is distributed to his webhook': ({ credentials }, id) => credentials.erase(id),
  'all credentials of a user end while an event is distributed to his webhook': ({ credentials }, id) =>
    credentials.endAll({ kind: 'user', id }),
} satisfies Record<string, (room: Room, id: string) => Promise<{ readonly webhooks: number }>>;
for (const [title, end] of Object.entries(ends)) {
  test.serial(title, async (t) => {
    const room = await startRoom(t);
    const receiver = await startReceiver(t);
    const [user, other] = [await newUser(room), await newUser(room)];
    const id = user.slice('user:'.length);
    await registered(room, receiver.url, { owner: user });
    await registered(room, `${receiver.url}/other`, { owner: other });
    await room.announce(refreshed);
    const distribution = await distributing(room);
    const ended = await end(room, id);
    t.is(ended.webhooks, 1);
    distribution.end();
    t.deepEqual(await distribution.worked, []);
    t.deepEqual(
      receiver.received.map(({ path }) => path),
      ['/other'],
    );
    const remove = (): Promise<number> =>
      room.database.unitOfWork.run({ operation: 'retention' }, removeDeliveriesOfDeletedWebhooks);
    t.is(await remove(), 1, 'the delivery that was stored meanwhile');
    t.is((await room.stored.query('select 1 from webhook_delivery')).length, 1);
  });
}

test.serial('an event is distributed in parts, and a job that is repeated creates what is missing', async (t) => {
  const room = await startRoom(t);
  await room.stored.query(
    `insert into webhook (id, owner_kind, owner_id, url, events, created_at)
     select gen_random_uuid(), 'client', 'c' || number, 'https://example.org', '{refresh.succeeded}', now() from generate_series(1, 450) as number`,
  );
  await room.announce(refreshed);
  const [job] = room.queued.splice(0);
  let parts = 0;
  room.beforeEnqueued = async () => {
    parts += 1;
    if (parts === 2) throw new AppError('database_timeout');
  };
  const run = () => room.outbox.handleEvent(job!.data, AbortSignal.timeout(10_000), { last: false });
  await t.throwsAsync(run, { code: 'database_timeout' });
  const stored = async () => (await room.stored.query('select 1 from webhook_delivery')).length;
  t.is(await stored(), 200);
  room.queued.splice(0);
  await run();
  t.is(await stored(), 450);
  t.is(room.queued.length, 250);
  t.is((await room.stored.query('select 1 from webhook_event where fanned_out_at is null')).length, 0);
});

test.serial('a deleted webhook leaves no test and no delivery behind', async (t) => {
  const room = await startRoom(t);
  const user = await newUser(room);
  const { id } = await registered(room, 'https://example.org', { owner: user });
  await room.announce(refreshed);
  await room.outbox.handleEvent(room.queued.shift()!.data, AbortSignal.timeout(10_000), { last: false });
  t.is((await room.call('POST', `/webhooks/${id}/test`, user)).status, 202);
  await room.credentials.endAll({ kind: 'user', id: user.slice('user:'.length) });
  await room.database.unitOfWork.run({ operation: 'retention' }, removeDeliveriesOfDeletedWebhooks);
  t.deepEqual(await room.stored.query('select event_id from webhook_delivery'), []);
  t.deepEqual(await room.stored.query('select type from webhook_event'), [{ type: 'refresh.succeeded' }]);
});

/** Stores waiting deliveries of a webhook. */
const store = ({ stored }: Room, id: string, count: number) =>
  stored.query(
    `with event as (
       insert into webhook_event (id, type, body, occurred_at, fanned_out_at)
       select gen_random_uuid(), 'refresh.succeeded', '{}', now(), now() from generate_series(1, $2::int) returning id
     ) insert into webhook_delivery (webhook_id, event_id, state, attempts, created_at) select $1, id, 'waiting', 0, now() from event`,
    [id, count],
  );

test.serial('an owner with 1,000 waiting deliveries gets no more of them, and others get theirs', async (t) => {
  const room = await startRoom(t);
  const [late, second, other] = [await startReceiver(t), await startReceiver(t), await startReceiver(t)];
  const { id } = await registered(room, late.url);
  const { id: secondId } = await registered(room, second.url);
  await registered(room, other.url, { owner: await newUser(room) });
  const received = (): number[] => [late, second, other].map((each) => each.received.length);
  await store(room, id, 800);
  await store(room, secondId, 199);
  await room.announce(refreshed);
  t.deepEqual(await room.work(), []);
  t.deepEqual(received(), [1, 1, 1]);
  await store(room, secondId, 1);
  await room.announce(refreshed);
  t.deepEqual(await room.work(), []);
  t.deepEqual(received(), [1, 1, 2]);
  t.deepEqual(room.refusals, ['storage_quota', 'storage_quota']);
  t.like(
    room.lines.find(({ message }) => /too many waiting/.test(String(message))),
    { webhooks: 2, webhook_ids: [id, secondId] },
  );
});

test.serial('a late receiver does not use up what may wait for the other webhooks of its owner', async (t) => {
  const room = await startRoom(t);
  const [late, prompt] = [await startReceiver(t), await startReceiver(t)];
  const { id } = await registered(room, late.url);
  const { id: promptId } = await registered(room, prompt.url);
  await store(room, id, 1_000);
  await store(room, promptId, 99);
  await room.announce(refreshed);
  await room.work();
  t.deepEqual([late.received.length, prompt.received.length], [0, 1]);
  await store(room, promptId, 1);
  await room.announce(refreshed);
  await room.work();
  t.is(prompt.received.length, 1);
});

test.serial('an event whose job was given up is distributed while the service runs', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url);
  await room.announce(refreshed);
  t.is(room.queued.splice(0).length, 1);
  await room.outbox.resume();
  t.deepEqual(await room.work(), []);
  t.is(receiver.received.length, 1);
  t.like(
    room.lines.find(({ message }) => /enqueued again/.test(String(message))),
    { events: 1, deliveries: 0 },
  );
});

test.serial('a delivery whose job has ended without an outcome is sent after a day', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  await registered(room, receiver.url);
  await room.announce(refreshed);
  await room.outbox.handleEvent(room.queued.shift()!.data, AbortSignal.timeout(10_000), { last: false });
  t.is(room.queued.splice(0).length, 1);
  await room.outbox.resume();
  t.deepEqual(room.queued, [], 'it may be between two attempts');
  await room.stored.query(`update webhook_delivery set created_at = now() - interval '25 hours'`);
  await room.outbox.resume();
  t.deepEqual(await room.work(), []);
  t.is(receiver.received.length, 1);
});
