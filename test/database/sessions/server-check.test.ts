import test from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { checkServer } from '#src/database/connections/server-check.ts';
import { AssetEntity } from '#src/market-data/entities.ts';
import { StartError } from '#src/kernel/start-error.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { startPgBouncer } from '#testkit/servers/pgbouncer.ts';
import { statementOn } from '#testkit/servers/replica.ts';
import { setupHostile } from './hostile-role.ts';

const refusal = async (url: string, overrides: Partial<Parameters<typeof checkServer>[0]> = {}): Promise<string> => {
  try {
    await checkServer({ ...databaseSettings(url), ...overrides });
    return 'none';
  } catch (error) {
    if (error instanceof StartError && error.exitStatus === 78) return error.message;
    throw error;
  }
};

for (const [setting, value] of [
  ['default_transaction_read_only', 'on'],
  ['session_replication_role', 'replica'],
] as const) {
  for (const scope of ['role', 'database'] as const) {
    test(`${setting} of the ${scope} is refused by its name`, async (t) => {
      const { url } = await setupHostile(t, { settings: { [setting]: value }, scope });
      t.regex(await refusal(url), new RegExp(`: ${setting}: `));
      const database = await createDatabase(databaseSettings(url));
      t.teardown(() => database.close());
      const start = database.waitUntilReady({ signal: AbortSignal.timeout(20_000) });
      await t.throwsAsync(start, { instanceOf: StartError, message: new RegExp(setting) });
    });
  }
}

test('a database with another encoding than UTF8 is refused', async (t) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  const name = `latin_${new URL(url).pathname.slice(6)}`;
  await query(`create database ${name} template template0 encoding 'LATIN1' locale_provider libc locale 'C'`);
  t.teardown(() => query(`drop database ${name} with (force)`));
  const latin = new URL(url);
  latin.pathname = `/${name}`;
  t.regex(await refusal(latin.href), /: server_encoding: .*LATIN1/);
});

test('tables in a schema of search_path are found only with DATABASE_SCHEMA, never created a second time', async (t) => {
  const { url, query } = await setupHostile(t, { settings: { search_path: 'hidden' }, migrated: false });
  t.is(await refusal(url), 'none', 'nothing is there yet');
  const settings = { ...databaseSettings(url), schema: 'hidden' };
  const database = await createDatabase(settings);
  t.teardown(() => database.close());
  await database.waitUntilReady({ signal: AbortSignal.timeout(60_000) });
  const [found] = await query(
    `select count(*)::int as tables from pg_tables where schemaname = 'hidden' and tablename = 'price'`,
  );
  t.deepEqual(found, { tables: 1 });
  t.deepEqual(await database.reader.query('select count(*) as prices from price'), [{ prices: 0 }]);
  t.regex(await refusal(url), /search_path: .* set DATABASE_SCHEMA=hidden/);
  t.is(await refusal(url, { schema: 'hidden' }), 'none');
  t.regex(await refusal(url, { schema: 'elsewhere' }), /DATABASE_SCHEMA: the schema elsewhere does not exist/);
});

test('a URL without a database name leads to the database of the user, or is refused if there is none', async (t) => {
  const { url, query } = await setupHostile(t, { settings: {} });
  const unnamed = new URL(url);
  unnamed.pathname = '';
  t.regex(await refusal(unnamed.href), /DATABASE_URL has no database name/);
  await query(`create database ${unnamed.username}`);
  t.teardown(() => query(`drop database ${unnamed.username} with (force)`));
  t.is(await refusal(unnamed.href), 'none');
  const elsewhere = new URL(url);
  elsewhere.pathname = '/not_there';
  // A named database can be created later, so the start waits for it.
  await t.throwsAsync(checkServer(databaseSettings(elsewhere.href)), { code: 'database_unavailable' });
});

test('a pooler in transaction mode is refused in mode server, and accepted in mode serverless', async (t) => {
  const { url } = await setupDatabase(t);
  const bouncer = await startPgBouncer(t, url, { mode: 'transaction' });
  t.regex(await refusal(bouncer.url), /: DATABASE_MODE: .*serverless/);
  t.is(await refusal(bouncer.url, { sessionless: true }), 'none');
  const session = await startPgBouncer(t, url, { mode: 'session' });
  t.is(await refusal(session.url), 'none');
});

test('an alias of PgBouncer is the name of the database: schema comparison and transactions work', async (t) => {
  const { url } = await setupDatabase(t);
  const bouncer = await startPgBouncer(t, url, { mode: 'transaction', alias: 'market-data' });
  t.true(bouncer.url.endsWith('/market%2Ddata'));
  const database = await createDatabase({ ...databaseSettings(bouncer.url), entities, sessionless: true });
  t.teardown(() => database.close());
  await database.unitOfWork.run({ operation: 'refresh.apply' }, async ({ em }) => {
    t.is(await em.count(AssetEntity), 0);
  });
  t.is(await database.drift(), '');
  t.deepEqual(await statementOn(url, `select 1 from pg_database where datname = 'market-data'`), []);
});
