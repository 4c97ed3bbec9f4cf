import test from 'ava';
import { registered, startRoom } from './setup.ts';

test('the number of test events is limited by owner; deleting a webhook deletes its test events', async (t) => {
  const room = await startRoom(t, { maxTestsPerOwner: 2 });
  const { id: first } = await registered(room, 'https://example.org/one');
  const { id: second } = await registered(room, 'https://example.org/two');
  t.is((await room.call('POST', `/webhooks/${first}/test`)).status, 202);
  t.is((await room.call('POST', `/webhooks/${second}/test`)).status, 202);
  const refused = await room.call('POST', `/webhooks/${second}/test`);
  t.is(refused.status, 429);
  t.like(refused.body, {
    code: 'quota_exceeded',
    detail: 'The quota webhook_tests is 2 events; this request needs 3. Wait until earlier test events are removed.',
  });
  t.is((await room.stored.query('select 1 from webhook_event')).length, 2);
  t.is(room.queued.length, 2);
  t.is((await room.call('DELETE', `/webhooks/${first}`)).status, 204);
  t.is(
    (await room.stored.query('select 1 from webhook_event')).length,
    1,
    'the test event of the deleted webhook is deleted',
  );
  t.is((await room.call('POST', `/webhooks/${second}/test`)).status, 202);
  const tested = `select 1 from audit_event where action = 'webhook.tested'`;
  t.is((await room.stored.query(tested)).length, 3, 'a test counts as a change, because it can enable the webhook');
});
