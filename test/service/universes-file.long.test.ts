import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, takeToken, temporaryDirectory } from '#testkit/running-service.ts';

const universe = (title: string): string => `
  desk:
    title: ${title}
    source: upload
    interval: 1day
    assets: [{ symbol: AAA }, { symbol: BBB }]
    indexes:
      - { code: DESK_PW, name: Desk, method: price_weighted, constituents: [{ symbol: AAA }] }
`;

test('universes of a file are applied at the start and on SIGHUP, and a faulty file changes nothing', async (t) => {
  const database = await setupDatabase(t);
  const file = join(temporaryDirectory(t), 'universes.yaml');
  writeFileSync(file, `universes:${universe('First')}`);
  const environment = { DATABASE_URL: database.url, UNIVERSES_FILE: file, REFRESH_SCHEDULES: 'nowhere=0 5 * * *' };
  const service = await serve(t, environment);
  await service.logged(({ message }) => message === 'started');
  const path = `${service.url}/api/v1/universes/desk`;
  t.like((await call(path)).body, { origin: 'file', version: 1, title: 'First' });
  t.true(service.log.some(({ message, universe: name }) => /does not exist/.test(message ?? '') && name === 'nowhere'));

  await eventually(async () => {
    const rows = await database.query(`select status, universe_version, trigger from refresh where universe = 'desk'`);
    return rows.some(
      ({ status, universe_version: version, trigger }) =>
        status === 'succeeded' && version === 1 && trigger === 'change',
    );
  }, 'the job of the change runs a refresh');

  writeFileSync(file, `universes:${universe('Second')}`);
  service.process.kill('SIGHUP');
  await eventually(async () => (await call(path)).body['title'] === 'Second', 'the changed file is applied');

  writeFileSync(file, `universes:${universe('Third').replace('price_weighted', 'guessed')}`);
  service.process.kill('SIGHUP');
  const { err } = await service.logged(({ message }) => message === 'UNIVERSES_FILE was not applied');
  t.regex(JSON.stringify(err), /\/universes\/desk\/indexes\/0\/method/);
  t.like((await call(path)).body, { version: 2, title: 'Second' });

  const token = await takeToken(service);
  const authorized = { Authorization: `Bearer ${token}` };
  const refused = await call(path, { method: 'DELETE', headers: authorized });
  t.is(refused.status, 409);
  t.is(refused.body['code'], 'universe_managed_by_file');
  const body = { source: 'upload', interval: '1day', assets: [{ symbol: 'CCC' }] };
  const own = `${service.url}/api/v1/universes/own`;
  t.is((await call(own, { ...json(body), method: 'PUT' })).status, 401);
  const created = await call(own, { ...json(body, { ...authorized, 'If-None-Match': '*' }), method: 'PUT' });
  t.is(created.status, 201, JSON.stringify(created.body));
});

test('a file with a fault stops the start with status 78 and names the place', async (t) => {
  const database = await setupDatabase(t);
  const directory = temporaryDirectory(t);
  const cases: Record<string, RegExp> = {
    [`universes:${universe('First').replace('[{ symbol: AAA }]', '[{ symbol: ZZZ }]')}`]: /constituents\/0\/symbol/,
    'universes: [': /neither YAML nor JSON/,
  };
  for (const [index, [content, message]] of Object.entries(cases).entries()) {
    const file = join(directory, `${index}.yaml`);
    writeFileSync(file, content);
    const service = await serve(t, { DATABASE_URL: database.url, UNIVERSES_FILE: file });
    t.is((await service.exited).code, 78);
    t.regex(service.stderr(), message);
  }
});
