import test from 'ava';
import { statementLabels } from '#src/database/statements/statement-labels.ts';

const tables = new Set(['price', 'asset']);
const cases: readonly [string, string, string][] = [
  ['select * from price where x = 1', 'SELECT', 'price'],
  ['insert into "public"."asset" (symbol) select unnest($1::text[])', 'INSERT', 'asset'],
  ['  UPDATE only asset set a = 1', 'UPDATE', 'asset'],
  ['with latest as (select 1 from price) select * from latest', 'WITH', 'price'],
  ['select * from unnest($1::int[]) u join asset on true', 'SELECT', 'asset'],
  ['delete from somewhere_else', 'DELETE', ''],
  ['begin isolation level serializable', 'BEGIN', ''],
  ['vacuum price', 'OTHER', ''],
  ['', 'OTHER', ''],
];
for (const [text, verb, table] of cases) {
  test(`labels of: ${text}`, (t) => {
    t.deepEqual(statementLabels(text, tables), { db_operation_name: verb, db_collection_name: table });
  });
}
