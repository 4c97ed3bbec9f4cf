import { existsSync } from 'node:fs';
import test from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { tableBounds } from '#src/compose/data/table-bounds.ts';
import { configVariables } from '#src/config/variables.ts';
import { createDatabase } from '#src/database/database.ts';
import { createTableSizes } from '#src/database/statements/table-sizes.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

/** The queue makes its tables itself, in a schema of that name. */
const ofOthers = new Set(['pgboss']);

test('every table of a migrated database has a declared bound, and every bound a table', async (t) => {
  const { query } = await setupDatabase(t);
  const tables = await query(
    `select table_name as name from information_schema.tables
     where table_schema = current_schema() and table_type = 'BASE TABLE' order by 1`,
  );
  t.deepEqual(
    Object.keys(tableBounds)
      .filter((name) => !ofOthers.has(name))
      .toSorted(),
    tables.map(({ name }) => String(name)).toSorted(),
    'a table was added or removed: edit src/compose/data/table-bounds.ts, then run npm run generate',
  );
});

test('the variables that a bound names exist', (t) => {
  for (const [table, { bound, removed }] of Object.entries(tableBounds)) {
    for (const [name] of `${bound} ${removed}`.matchAll(/\b[A-Z]+_[A-Z_]+\b/g)) {
      t.true(Object.hasOwn(configVariables, name), `${table}: ${name}`);
    }
  }
});

test('the tests that a bound names exist', (t) => {
  for (const [table, { tests = [] }] of Object.entries(tableBounds)) {
    for (const file of tests) t.true(existsSync(file), `${table}: ${file}`);
  }
});

test('the gauges show rows and bytes of each table, read once a minute at most', async (t) => {
  const { url, query } = await setupDatabase(t);
  await query('create schema pgboss');
  await query('create table pgboss.job (id int)');
  await query('create table pgboss.archive as select 1 as id from generate_series(1, 100)');
  await query(
    `insert into asset (symbol, name, exchange, currency) select n, n, 'X', 'USD' from generate_series(1, 500) n`,
  );
  await query('analyze');
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(url), entities });
  t.teardown(() => database.close());
  let now = 0;
  const clock = { now: () => new Date(), monotonic: () => now };
  const collect = createTableSizes({ reader: database.reader, metrics, clock, names: Object.keys(tableBounds) });
  const rows = (table: string) => metrics.value('volwatch_table_rows', { table });
  await collect();
  t.is(rows('asset'), 500);
  t.is(rows('pgboss'), 100);
  t.true(metrics.value('volwatch_table_bytes', { table: 'asset' }) >= 8_192 * 5);
  await query('delete from asset');
  await query('analyze asset');
  now += 59_000;
  await collect();
  t.is(rows('asset'), 500);
  now += 1_000;
  await collect();
  t.is(rows('asset'), 0);
});
