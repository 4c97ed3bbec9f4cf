import type { Query } from '#src/kernel/ports/unit-of-work.ts';

type DeclaredColumn = { readonly table: string; readonly column: string; readonly type: string };

type Declared = Iterable<{
  readonly tableName: string;
  readonly props: readonly { readonly fieldNames?: readonly string[]; readonly columnTypes?: readonly string[] }[];
}>;

const declaredColumns = (entities: Declared): readonly DeclaredColumn[] =>
  [...entities].flatMap(({ tableName: table, props }) =>
    props.flatMap(({ fieldNames = [], columnTypes = [] }) =>
      fieldNames.map((column, index) => ({ table, column, type: columnTypes[index]! })),
    ),
  );

/** PostgreSQL itself compares the types, because `int` and `integer` are the same type. */
const differentSql = `
  select declared.table, declared.column, declared.type
  from unnest($1::text[], $2::text[], $3::text[]) as declared ("table", "column", type)
  join pg_class class on class.relname = declared.table and class.relnamespace = current_schema()::regnamespace
  join pg_attribute attribute on attrelid = class.oid and attname = declared.column
  where atttypid is distinct from to_regtype(declared.type)
  order by 1, 2`;

/**
 * The statements that give columns the type that their entity declares. The comparison of MikroORM does not see some
 * differences: for it, `timestamp` and `timestamptz` are the same type.
 */
export const differentTypes = async (query: Query, entities: Declared): Promise<readonly string[]> => {
  const declared = declaredColumns(entities);
  const lists = (['table', 'column', 'type'] as const).map((name) => declared.map((each) => each[name]));
  const different = await query<DeclaredColumn>(differentSql, lists);
  return different.map(({ table, column, type }) => `alter table "${table}" alter column "${column}" type ${type};`);
};
