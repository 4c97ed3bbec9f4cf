import test from 'ava';
import { startReceiver } from '#testkit/servers/webhook-receiver.ts';
import { newUser, refreshed, registered, startRoom, type Room } from './setup.ts';

const deliveriesOf = async (room: Room, id: string, owner: string): Promise<Record<string, unknown>[]> =>
  (await room.call('GET', `/webhooks/${id}/deliveries`, owner)).body['data'] as Record<string, unknown>[];

const endings: Readonly<Record<string, { owner: 'client' | 'user'; end: string; isGone?: boolean }>> = {
  'a client that was revoked': { owner: 'client', end: 'update oauth_client set revoked_at = now()' },
  'a client that was deleted': { owner: 'client', end: 'delete from oauth_client' },
  'a client that lost the scope': {
    owner: 'client',
    end: `update oauth_client set scopes = '{ml:read}'`,
    isGone: false,
  },
  'a user that was deleted': { owner: 'user', end: 'delete from user_account' },
  'a user that lost the scope': { owner: 'user', end: `update user_account set scopes = '{ml:read}'`, isGone: false },
  'a user that an operator disabled': {
    owner: 'user',
    end: `insert into owner_end select 'user', id::text, 'disabled', now() from user_account`,
  },
};
for (const [what, { owner: kind, end, isGone = true }] of Object.entries(endings)) {
  test.serial(`nothing more is sent for ${what}, what waits included, and nothing is registered`, async (t) => {
    const room = await startRoom(t);
    const receiver = await startReceiver(t);
    await room.stored.query(
      `insert into oauth_client (id, name, secret_hash, scopes, created_at)
       values ('partner', 'Partner', 'x', '{market:refresh}', now())`,
    );
    const owner = kind === 'client' ? 'client:partner' : await newUser(room);
    const { id } = await registered(room, receiver.url, { owner });
    await room.announce(refreshed);
    await room.work();
    t.is(receiver.received.length, 1);
    await room.announce(refreshed);
    await room.outbox.handleEvent(room.queued.shift()!.data, AbortSignal.timeout(1_000), { last: false });
    await room.stored.query(end);
    await room.announce(refreshed);
    const tested = await room.call('POST', `/webhooks/${id}/test`, owner);
    t.deepEqual([tested.status, tested.body['code']], isGone ? [401, 'credential_owner_gone'] : [202, undefined]);
    t.deepEqual(await room.work(), []);
    t.is(receiver.received.length, 1);
    const states = (await deliveriesOf(room, id, owner)).map(
      ({ state, attempts }) => `${String(state)} ${String(attempts)}`,
    );
    t.deepEqual(states, [...(isGone ? [] : ['dead 0']), 'dead 0', 'dead 0', 'delivered 1']);
    const again = await room.call('POST', '/webhooks', owner, { url: receiver.url, events: ['refresh.failed'] });
    t.is(again.status, 403);
    t.is(again.body['code'], 'scope_insufficient');
  });
}
