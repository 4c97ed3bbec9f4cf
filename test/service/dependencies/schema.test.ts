import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, price, serve } from '#testkit/running-service.ts';

test('only the features that need a missing column fail, and they work again without a restart', async (t) => {
  const database = await setupDatabase(t);
  const migrated = await serve(t, { DATABASE_URL: database.url });
  await migrated.logged(({ message }) => message === 'started');
  t.is(await migrated.stop(), 0);

  await database.query('alter table asset rename column exchange to elsewhere');
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.logged(({ message }) => message === 'started');
  await service.ready(10_000);
  const warning = await service.logged(({ message }) => message === 'the database schema is behind this version');
  t.deepEqual(warning['missing'], ['column asset.exchange']);
  const health = async () => (await call(`${service.url}/health`)).body;
  t.like(await health(), {
    status: 'degraded',
    dependencies: { postgres: { detail: 'schema behind: column asset.exchange' } },
  });

  const refused = await call(`${service.url}/api/v1/assets`, { headers: { 'Cache-Control': 'no-cache' } });
  t.is(refused.status, 503);
  t.like(refused.body, { code: 'database_schema_outdated', category: 'database' });
  t.truthy(refused.headers.get('retry-after'));
  t.is((await call(`${service.url}/api/v1/indexes/TECH5_EW/values?limit=1`)).status, 200);
  t.is((await price(service)).status, 200);

  await database.query('alter table asset rename column elsewhere to exchange');
  t.is((await call(`${service.url}/api/v1/assets`)).status, 200);
  await eventually(
    async () => ((await health())['dependencies'] as { postgres: { status: string } }).postgres.status === 'up',
    'the health of postgres is up',
  );
});

test('the admin port lists the statements with the highest cost if the extension is installed', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.logged(({ message }) => message === 'started');
  t.like((await call(`${service.adminUrl}/queries/top`)).body, { code: 'database_schema_outdated' });
  await database.query('create extension pg_stat_statements');
  const { status, body } = await call(`${service.adminUrl}/queries/top?order=calls`);
  t.is(status, 200);
  const rows = body['data'] as { query: string; calls: number; mean_ms: number }[];
  t.true(rows.length > 5 && rows.length <= 25);
  t.true(rows[0]!.calls >= rows.at(-1)!.calls);
  t.true(rows.some(({ query }) => /pgboss|refresh|schema_migrations/.test(query)));
  t.is((await call(`${service.adminUrl}/queries/top?order=nonsense`)).status, 422);
});
