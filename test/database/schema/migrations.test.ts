import test from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { createMigrator } from '#src/database/migrator.ts';
import { migrations } from '#src/database/migrations/index.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const names = migrations.map(({ name }) => name);
const tables = `select table_name from information_schema.tables where table_schema = 'public' order by 1`;

const migratorOf = (url: string, list = migrations) =>
  createMigrator({ url, ssl: 'disable', applicationName: 'tests', migrations: list, logger: silentLogger });

test('up, down to nothing and up again give the same schema', async (t) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  const migrator = migratorOf(url);
  t.deepEqual(await migrator.pending(), names);
  t.deepEqual(await migrator.up(), names);
  t.deepEqual(await migrator.up(), []);
  const full = await query(tables);
  t.true(full.length > 1);
  for (const name of names.toReversed()) t.is(await migrator.down(), name);
  t.is(await migrator.down(), undefined);
  t.deepEqual(await query(tables), [{ table_name: 'schema_migrations' }]);
  t.deepEqual(await migrator.up(), names);
  t.deepEqual(await query(tables), full);
});

test('of two processes that migrate at the same time, one waits for the other', async (t) => {
  const { url } = await setupDatabase(t, { migrated: false });
  const ran = await Promise.all([1, 2, 3].map(() => migratorOf(url).up()));
  t.deepEqual(ran.flat().sort(), names);
});

test('a faulty migration is rolled back, and earlier ones stay applied', async (t) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  const migrator = migratorOf(url, [
    { name: '1', up: ['create table first (id int)'], down: ['drop table first'] },
    { name: '2', up: ['create table second (id int)', 'create table broken (id nonsense)'], down: [] },
  ]);
  await t.throwsAsync(migrator.up(), { message: /nonsense/ });
  t.deepEqual(await query(tables), [{ table_name: 'first' }, { table_name: 'schema_migrations' }]);
  t.deepEqual(await migrator.pending(), ['2']);
});

test('the entities and the migrated schema agree', async (t) => {
  const { url, query } = await setupDatabase(t);
  const database = await createDatabase({ ...databaseSettings(url), entities });
  t.teardown(() => database.close());
  t.is(await database.drift(), '');
  // What others keep in the same database is none of ours.
  await query('create extension pg_stat_statements');
  await query('create schema pgboss');
  await query('create table pgboss.job (id int)');
  t.is(await database.drift(), '');
  await query('alter table asset drop column currency');
  t.regex(await database.drift(), /currency/);
});

test('documents of users without an account are removed, and the others keep their content', async (t) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  const until = names.indexOf('0021-users-of-documents');
  await migratorOf(url, migrations.slice(0, until)).up();
  const id = '018f0000-0000-7000-8000-00000000000a';
  await query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     values ('${id}', 'ada@example.org', 'x', 'user', '{}', now())`,
  );
  for (const user of [id, id.toUpperCase(), 'user-7', '018f0000-0000-7000-8000-00000000000b']) {
    await query(
      `insert into account_profile (user_id, version, updated_at, locale) values ('${user}', 3, now(), 'de')`,
    );
  }
  const migrator = migratorOf(url, migrations.slice(0, until + 1));
  await migrator.up();
  const profiles = 'select user_id::text as id, version, locale from account_profile';
  t.deepEqual(await query(profiles), [{ id, version: 3, locale: 'de' }]);
  await migrator.down();
  t.deepEqual(await query(profiles), [{ id, version: 3, locale: 'de' }]);
});

/** It and the earlier ones are released, so they stay as they are. */
const lastReleased = '0066-waiting-deliveries';
const later = migrations.slice(names.indexOf(lastReleased) + 1);
const laterIndexes = later.flatMap(({ name, up }) => {
  const created = new Set(up.map((statement) => /^create table (\S+)/.exec(statement)?.[1]));
  return up
    .filter((statement) => /^create (?:unique )?index/.test(statement))
    .filter((statement) => !created.has(/ on (\S+)/.exec(statement)?.[1]))
    .map((statement) => ({ name, up, statement }));
});

test('an index that a later migration adds to an existing table can exist already, and no other change waits for its build', (t) => {
  t.true(laterIndexes.length > 4);
  for (const { name, up, statement } of laterIndexes) {
    t.regex(statement, /^create (?:unique )?index if not exists /, name);
    t.deepEqual(
      up.filter((other) => !/^(?:create|drop) (?:unique )?index /.test(other)),
      [],
      name,
    );
  }
});

test('indexes that an operator has built concurrently before are taken as they are', async (t) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  await migratorOf(url, migrations.slice(0, names.indexOf(lastReleased) + 1)).up();
  for (const { statement } of laterIndexes) await query(statement.replace(' index ', ' index concurrently '));
  const built = `select oid from pg_class where relkind = 'i' and relname like '%\\_waiting\\_index' order by 1`;
  const before = await query(built);
  t.is(before.length, 2);
  await migratorOf(url).up();
  t.deepEqual(await query(built), before);
});
