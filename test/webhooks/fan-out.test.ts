import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { startReceiver } from '#testkit/servers/webhook-receiver.ts';
import { newUser, refreshed, registered, startRoom } from './setup.ts';

test.serial('a webhook that is deleted while an event is distributed keeps nobody from the event', async (t) => {
  const room = await startRoom(t);
  const [gone, stays] = [await startReceiver(t), await startReceiver(t)];
  const { id } = await registered(room, gone.url);
  await registered(room, stays.url, { owner: await newUser(room) });
  await room.announce(refreshed);
  const { unitOfWork } = room.database;
  const [deleted, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const deletion = unitOfWork.run({ operation: 'webhook.change' }, async ({ query }) => {
    await query('delete from webhook where id = $1', [id]);
    deleted.resolve();
    await ended.promise;
  });
  await deleted.promise;
  const worked = room.work();
  const waits = async (): Promise<boolean> =>
    (await room.stored.query(`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'webhook'`))
      .length > 0;
  await eventually(waits, 'the distribution waits for the deletion');
  ended.resolve();
  await deletion;
  t.deepEqual(await worked, []);
  t.is(stays.received.length, 1);
  t.is(gone.received.length, 0);
});

test.serial('a webhook with 1,000 waiting deliveries gets no more of them, and others get theirs', async (t) => {
  const room = await startRoom(t);
  const [late, other] = [await startReceiver(t), await startReceiver(t)];
  const { id } = await registered(room, late.url);
  await registered(room, other.url, { owner: await newUser(room) });
  const store = (count: number) =>
    room.stored.query(
      `with event as (
         insert into webhook_event (id, type, body, occurred_at, fanned_out_at)
         select gen_random_uuid(), 'refresh.succeeded', '{}', now(), now() from generate_series(1, $2::int) returning id
       ) insert into webhook_delivery (webhook_id, event_id, state, attempts, created_at) select $1, id, 'waiting', 0, now() from event`,
      [id, count],
    );
  await store(999);
  await room.announce(refreshed);
  await room.work();
  t.deepEqual([late.received.length, other.received.length], [1, 1]);
  await store(1);
  await room.announce(refreshed);
  t.deepEqual(await room.work(), []);
  t.deepEqual([late.received.length, other.received.length], [1, 2]);
  t.deepEqual(room.refusals, ['storage_quota']);
  t.like(
    room.lines.find(({ message }) => /too many waiting/.test(String(message))),
    { webhooks: 1, webhook_ids: [id] },
  );
});
