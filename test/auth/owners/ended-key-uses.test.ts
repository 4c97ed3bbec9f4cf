import test from 'ava';
import { auditActions, bearer, signedIn, startRoom } from '../room.ts';

test('the ended keys of one account together leave the refusals of one stream, and those of another account come beside them', async (t) => {
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 4, maxOfAllPerHour: 6 } });
  const user = bearer((await signedIn(room)).access);
  const token = await room.form('/auth/token', {
    grant_type: 'client_credentials',
    client_id: 'desk',
    client_secret: 'bootstrap secret',
  });
  const client = bearer(token.body['access_token']);
  const endedKey = async (of: Record<string, string>) => {
    const { body } = await room.json('/api-keys', { name: 'nightly', scopes: [] }, of);
    const removed = await room.call(`/api-keys/${String(body['id'])}`, { method: 'DELETE', headers: of });
    t.is(removed.status, 204);
    return { 'X-API-Key': String(body['key']) };
  };
  const recorded = async () => (await auditActions(room)).filter((action) => action === 'api_key.refused').length;
  for (let key = 0; key < 8; key += 1) {
    const header = await endedKey(user);
    for (let use = 0; use < 3; use += 1) t.is((await room.me(header)).status, 401);
  }
  t.is(await recorded(), 4);
  const other = await endedKey(client);
  for (let use = 0; use < 5; use += 1) t.is((await room.me(other)).status, 401);
  t.is(await recorded(), 4 + 3, 'the first three of another owner, although the hour is exhausted');
  room.advance(3_600);
  await room.auth.cleanUp();
  t.deepEqual(
    await room.stored.query(
      `select data->'omitted' as omitted from audit_event where action = 'refusals.counted' order by stream`,
    ),
    [{ omitted: 2 }, { omitted: 20 }],
    'a client, then a user',
  );
});
