import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, takeToken } from '#testkit/running-service.ts';

const definition = { source: 'upload', interval: '1day', assets: [{ symbol: 'AAA' }] };
const file = 'symbol,date,close\nAAA,2024-01-02,100\n';

test('changes of universes, and refreshes with uploads, of a caller end at the limits of the day', async (t) => {
  const { url, query } = await setupDatabase(t);
  const service = await serve(t, {
    DATABASE_URL: url,
    CREATIONS_PER_OWNER_PER_DAY: '3',
    REFRESHES_PER_OWNER_PER_DAY: '2',
  });
  await service.ready();
  const token = { Authorization: `Bearer ${await takeToken(service)}` };
  const send = (path: string, init: RequestInit) => call(`${service.url}/api/v1${path}`, init);
  const put = (name: string, headers: Record<string, string> = { 'If-None-Match': '*' }) =>
    send(`/universes/${name}`, { ...json(definition, { ...token, ...headers }), method: 'PUT' });
  const remove = (name: string) => send(`/universes/${name}`, { method: 'DELETE', headers: token });
  const isDeleted = (name: string) =>
    eventually(async () => (await remove(name)).status === 204, `${name} is deleted after its first refresh`);

  for (const name of ['one', 'two']) {
    t.is((await put(name)).status, 201);
    await isDeleted(name);
  }
  t.is((await put('three')).status, 201);
  const refused = await put('four');
  t.is(refused.status, 429);
  t.like(refused.body, { code: 'quota_exceeded', errors: [{ code: 'universe_changes_in_a_day' }] });
  t.is((await send('/universes/four', { headers: token })).status, 404, 'nothing is stored');

  const upload = (name: string) =>
    send(`/universes/${name}/prices`, {
      method: 'POST',
      headers: { ...token, 'Content-Type': 'text/csv', Prefer: 'wait=20' },
      body: file,
    });
  await eventually(async () => (await upload('three')).status === 200, 'a file is stored after the first refresh');
  const refresh = () => send('/refreshes', json({ universe: 'tech5' }, { ...token, Prefer: 'wait=20' }));
  await eventually(async () => (await refresh()).status === 200, 'a refresh ends after that of the start');
  const records = async (): Promise<number> => (await query(`select 1 from refresh where trigger = 'request'`)).length;
  const before = await records();
  for (const answer of [await upload('three'), await refresh()]) {
    t.is(answer.status, 429, answer.text);
    t.like(answer.body, { code: 'quota_exceeded', errors: [{ code: 'refreshes_in_a_day' }] });
  }
  t.is(await records(), before);
  await isDeleted('three');
});
