import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, takeToken } from '#testkit/running-service.ts';

const rows = (closes: readonly number[]): string =>
  ['symbol,date,close', ...closes.map((close, day) => `SHX,2024-01-0${day + 1},${close}`)].join('\n');

test('an upload through one universe brings the index of another one with the same symbol up to date', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.logged(({ message }) => message === 'started', 60_000);
  const authorized = { Authorization: `Bearer ${await takeToken(service)}` };
  const path = (rest: string) => `${service.url}/api/v1${rest}`;
  for (const [name, code] of [
    ['one', 'IX1'],
    ['two', 'IX2'],
  ] as const) {
    const index = { code, name: code, method: 'rebased', constituents: [{ symbol: 'SHX' }] };
    const definition = {
      title: name,
      source: 'upload',
      interval: '1day',
      assets: [{ symbol: 'SHX' }],
      indexes: [index],
    };
    const put = { ...json(definition, { ...authorized, 'If-None-Match': '*' }), method: 'PUT' };
    t.is((await call(path(`/universes/${name}`), put)).status, 201);
  }
  const upload = (name: string, closes: readonly number[]) =>
    call(path(`/universes/${name}/prices?mode=replace`), {
      method: 'POST',
      headers: { ...authorized, 'Content-Type': 'text/csv', Prefer: 'wait=20' },
      body: rows(closes),
    });
  const last = async (code: string): Promise<unknown> => {
    const { body } = await call(path(`/indexes/${code}/values?latest=1`));
    return (body['data'] as { value: number }[])[0]?.value;
  };
  t.is((await upload('two', [100, 110])).status, 200);
  t.is(await last('IX2'), 1_100);
  t.is((await upload('one', [100, 300])).status, 200);
  t.is(await last('IX1'), 3_000);
  await eventually(async () => (await last('IX2')) === 3_000, 'the other index is calculated', 20_000);
  t.is((await call(path('/indexes/IX2/explain'))).status, 200);
});
