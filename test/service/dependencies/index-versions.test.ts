import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, takeToken, type Answer } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';

const started = ({ message }: { readonly message?: string }): boolean => message === 'started';
const definition = {
  title: 'own',
  source: 'upload',
  interval: '1week',
  assets: [{ symbol: 'OWX' }],
  indexes: [{ code: 'OWN_IX', name: 'OWN_IX', method: 'rebased', constituents: [{ symbol: 'OWX' }] }],
};
const explain = (service: Service): Promise<Answer> => call(`${service.url}/api/v1/indexes/OWN_IX/explain`);
const values = async (service: Service): Promise<unknown[]> => {
  const { body } = await call(`${service.url}/api/v1/indexes/OWN_IX/values`);
  return (body['data'] as { value: number }[]).map(({ value }) => value);
};

test('after an upgrade the indexes of uploaded prices are calculated once, without an upload or a refresh', async (t) => {
  const database = await setupDatabase(t);
  const environment = { DATABASE_URL: database.url };
  const before = await serve(t, environment);
  await before.logged(started, 60_000);
  const authorized = { Authorization: `Bearer ${await takeToken(before)}` };
  const path = `${before.url}/api/v1/universes/own`;
  const put = { ...json(definition, { ...authorized, 'If-None-Match': '*' }), method: 'PUT' };
  t.is((await call(path, put)).status, 201);
  const upload = await call(`${path}/prices?mode=replace`, {
    method: 'POST',
    headers: { ...authorized, 'Content-Type': 'text/csv', Prefer: 'wait=20' },
    body: 'symbol,date,close\nOWX,2024-01-05,100\nOWX,2024-01-12,110\n',
  });
  t.is(upload.status, 200, upload.text);
  // The change of the universe has enqueued a refresh.
  const live = `select 1 from pgboss.job where name in ('refresh', 'index_values') and state <= 'active'`;
  await eventually(async () => (await database.query(live)).length === 0, 'all jobs have ended', 30_000);
  await before.stop();
  const records = `select count(*)::int as count from refresh where universe = 'own'`;
  const recorded = await database.query(records);

  // The values of an older calculator, as it left them.
  await database.query(`update market_index set calculation = 'older 3 0' where code = 'OWN_IX'`);
  await database.query(
    `insert into index_value (index_id, date, value) select id, '2024-01-10', 1050 from market_index where code = 'OWN_IX'`,
  );
  const after = await Promise.all([serve(t, environment), serve(t, environment)]);
  for (const service of after) {
    await service.logged(started, 60_000);
    await eventually(async () => (await explain(service)).status === 200, 'the index is explained', 60_000);
    await eventually(async () => (await values(service)).length === 2, 'the values are right', 20_000);
    t.deepEqual(await values(service), [1_000, 1_100]);
  }
  await eventually(async () => (await database.query(live)).length === 0, 'all checks have ended', 30_000);
  const jobs = `select singleton_key as key, count(*)::int as jobs from pgboss.job
    where name = 'index_values' group by 1 order by 1`;
  const calculations = (await database.query(jobs)).filter(({ key }) => !String(key).startsWith('all.universes'));
  t.deepEqual(
    calculations.map(({ key, jobs: count }) => [String(key).split('.')[0], count]),
    [['own', 1]],
    'one calculation for both instances, and none of universes whose values are right',
  );
  t.deepEqual(await database.query(records), recorded, 'a calculation is no refresh');
  const schedule = `select key, data from pgboss.schedule where name = 'index_values'`;
  t.deepEqual(await database.query(schedule), [{ key: 'all.universes', data: {} }]);
});
