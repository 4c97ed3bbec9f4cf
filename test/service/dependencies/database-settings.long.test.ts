import test, { type ExecutionContext } from 'ava';
import { hostileSettings, setupHostile } from '#test/database/sessions/hostile-role.ts';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { call, checksum, damage, refresh, serve, takeToken } from '#testkit/running-service.ts';
import { startPgBouncer } from '#testkit/servers/pgbouncer.ts';

type Variables = Readonly<Record<string, string>>;

/** Starts the service, refreshes after damaged prices, and returns what callers and the tables show. */
const marketData = async (t: ExecutionContext, database: TestDatabase, variables: Variables) => {
  const service = await serve(t, { DATABASE_ACQUIRE_TIMEOUT_MS: '5000', ...variables });
  await service.logged(({ message }) => message === 'started', 60_000);
  await damage(database);
  const token = await takeToken(service);
  t.like((await refresh(service, token, 'tech5')).body, { status: 'succeeded' });
  const { body } = await call(`${service.url}/api/v1/indexes/TECH5_EW/values?from=2004-08-01&to=2004-08-01`);
  t.is(await service.stop(), 0);
  return { values: body['data'], checksum: await checksum(database) };
};

test('index values are the same whatever the defaults of the role are, also behind PgBouncer', async (t) => {
  const usual = await setupDatabase(t);
  const expected = await marketData(t, usual, { DATABASE_URL: usual.url });
  t.like(expected.values, [{ date: '2004-08-01' }]);
  t.is(Math.round(Number((expected.values as { value: number }[])[0]?.value) * 100) / 100, 871.06);

  for (const settings of [{ datestyle: 'SQL, DMY' }, hostileSettings]) {
    const admin = await setupHostile(t, { settings });
    t.deepEqual(await marketData(t, admin, { DATABASE_URL: admin.url }), expected, 'server');

    const pooled = await setupHostile(t, { settings });
    const bouncer = await startPgBouncer(t, pooled.url, { mode: 'transaction', poolSize: 8 });
    const variables = { DATABASE_URL: bouncer.url, DATABASE_MODE: 'serverless' };
    t.deepEqual(await marketData(t, pooled, variables), expected, 'behind PgBouncer');
  }
});

test('a database that is read-only by default ends the start with status 78 and the name of the setting', async (t) => {
  const { url } = await setupHostile(t, { settings: { default_transaction_read_only: 'on' } });
  const service = await serve(t, { DATABASE_URL: url });
  t.deepEqual(await service.exited, { code: 78, signal: null });
  t.regex(service.stderr(), /default_transaction_read_only/);
  t.notRegex(service.stderr(), /\n\s+at /, 'no stack');
});
