import test from 'ava';
import { ada, start } from './setup.ts';

test('a change is audited with the names of the members, and without their values', async (t) => {
  const { send, stored } = await start(t, 3);
  await send('ada', '/profile', { display_name: 'Ada Secret', time_zone: 'Europe/London' }, '*');
  await send('ada', '/settings', { theme: 'dark' }, '*');
  t.is((await send('ada', '/settings', { theme: 'light' }, '"0"')).status, 412);
  t.is((await send('ada', '/settings', {}, '*')).status, 200);
  const events = await stored.query(
    'select stream, action, outcome, actor_kind, actor_subject, target, data from audit_event order by id',
  );
  const event = { stream: `user:${ada}`, outcome: 'success', actor_kind: 'user', actor_subject: ada, target: ada };
  t.deepEqual(events, [
    { ...event, action: 'user.profile_changed', data: { members: ['display_name', 'time_zone'], version: 1 } },
    { ...event, action: 'user.settings_changed', data: { members: ['theme'], version: 1 } },
  ]);

  await send('ada', '/settings', { theme: 'light' }, '*');
  const refused = await send('ada', '/settings', { theme: 'system' }, '*');
  t.like(refused, { status: 429, body: { code: 'quota_exceeded', errors: [{ code: 'changes_in_a_day' }] } });
  t.like(
    await send('ada', '/settings'),
    { body: { theme: 'light', version: 2 } },
    'nothing is stored without its event',
  );
  t.is((await send('bob', '/settings', { theme: 'dark' }, '*')).status, 200);
});
