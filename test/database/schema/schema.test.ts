import test from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { migrations } from '#src/database/migrations/index.ts';
import type { LogFields, Logger } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const remembering = (): Logger & { readonly lines: { readonly message: string; readonly fields: LogFields }[] } => {
  const lines: { message: string; fields: LogFields }[] = [];
  const keep = (fields: LogFields, message: string): void => void lines.push({ message, fields });
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
};

test('a start without migrations reports missing parts, and reports when they exist', async (t) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  const logger = remembering();
  const database = await createDatabase({ ...databaseSettings(url), entities, logger, migrate: false });
  t.teardown(() => database.close());
  const signal = AbortSignal.timeout(10_000);
  await database.waitUntilReady({ signal });
  const { missing } = logger.lines.at(-1)!.fields as { missing: string[] };
  t.true(missing.includes(`migration ${migrations[0]!.name}`));
  t.true(missing.includes('table price'));
  t.like(await database.healthCheck.check(signal), { status: 'degraded' });

  await database.migrator.up();
  await database.waitUntilReady({ signal });
  t.is(logger.lines.at(-1)?.message, 'the database schema is what this version needs');
  t.like(await database.healthCheck.check(signal), { status: 'up' });

  await query('alter table asset drop column exchange');
  await database.waitUntilReady({ signal });
  t.deepEqual(logger.lines.at(-1)?.fields, { missing: ['column asset.exchange'] });
  t.deepEqual(await database.healthCheck.check(signal), {
    status: 'degraded',
    detail: 'schema behind: column asset.exchange',
  });
});

test('an index that is not valid is reported with its remedy until it is built again', async (t) => {
  const { url, query } = await setupDatabase(t);
  const logger = remembering();
  const database = await createDatabase({ ...databaseSettings(url), entities, logger });
  t.teardown(() => database.close());
  const signal = AbortSignal.timeout(10_000);
  // As an interrupted `create index concurrently` leaves it.
  await query(`update pg_index set indisvalid = false where indexrelid = 'webhook_owner_index'::regclass`);
  await database.waitUntilReady({ signal });
  const index =
    'valid index webhook_owner_index (unless it is being built, drop it and build it again: docs/database.md)';
  t.deepEqual(logger.lines.at(-1)?.fields, { missing: [index] });
  t.deepEqual(await database.healthCheck.check(signal), { status: 'degraded', detail: `schema behind: ${index}` });

  await query('reindex index webhook_owner_index');
  await database.waitUntilReady({ signal });
  t.like(await database.healthCheck.check(signal), { status: 'up' });
});

test('this version works with a database that a later version has migrated', async (t) => {
  const { url, query } = await setupDatabase(t);
  await query(`insert into schema_migrations (name) values ('9999-of-tomorrow')`);
  await query('alter table asset add column tomorrow text');
  const database = await createDatabase({ ...databaseSettings(url), entities });
  t.teardown(() => database.close());
  await database.waitUntilReady({ signal: AbortSignal.timeout(10_000) });
  t.like(await database.healthCheck.check(AbortSignal.timeout(1_000)), { status: 'up' });
});

test('no sequence of the schema can end', async (t) => {
  const { query } = await setupDatabase(t);
  const ending = `select sequencename from pg_sequences where schemaname = 'public' and not cycle and max_value < 2::numeric ^ 62`;
  t.deepEqual(await query(ending), []);
});

test('each foreign key has an index that begins with its columns', async (t) => {
  const { query } = await setupDatabase(t);
  // A deleted row is looked for in the tables that refer to it, once for each row.
  const keys = await query(`
    select conrelid::regclass::text as table, conname as key, exists (
      select from pg_index where indrelid = conrelid and indpred is null
        and (select array_agg(column_of) from unnest(indkey[0:cardinality(conkey) - 1]) as column_of) @> conkey
    ) as indexed from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace order by 1, 2`);
  t.true(keys.length > 5);
  t.deepEqual(
    keys.filter(({ indexed }) => indexed !== true),
    [],
  );
});
