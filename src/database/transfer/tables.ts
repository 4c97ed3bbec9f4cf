import type { Client } from 'pg';

export type StoredTable = {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns whose values come from a sequence. */
  readonly serials: readonly string[];
};

const columnsSql = `
  select c.relname as name,
    array_agg(a.attname::text order by a.attnum) as columns,
    coalesce(array_agg(a.attname::text) filter (where pg_get_serial_sequence(quote_ident(c.relname), a.attname) is not null), '{}')
      as serials
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relname = any($1)
  group by c.relname order by c.relname`;

/** Pairs of tables: the first has a foreign key to the second. */
const referencesSql = `
  select distinct conrelid::regclass::text as name, confrelid::regclass::text as target from pg_constraint
  where contype = 'f' and connamespace = current_schema()::regnamespace and conrelid <> confrelid`;

/** The tables among `names` that exist, each behind those that its foreign keys name. */
export const storedTables = async (client: Client, names: Iterable<string>): Promise<readonly StoredTable[]> => {
  const { rows: tables } = await client.query<StoredTable>(columnsSql, [[...names]]);
  const { rows: references } = await client.query<{ name: string; target: string }>(referencesSql);
  const ordered: StoredTable[] = [];
  let waiting = tables;
  while (waiting.length > 0) {
    const missing = new Set(waiting.map(({ name }) => name));
    const isReady = (table: StoredTable): boolean =>
      !references.some(({ name, target }) => name === table.name && missing.has(target));
    const ready = waiting.filter(isReady);
    if (ready.length === 0) throw new Error(`foreign keys in a circle: ${[...missing].join(', ')}`);
    ordered.push(...ready);
    waiting = waiting.filter((table) => !ready.includes(table));
  }
  return ordered;
};

/** The migrations that the database has. */
export const appliedMigrations = async (client: Client): Promise<readonly string[]> => {
  const { rows } = await client.query<{ name: string }>('select name from schema_migrations order by name');
  return rows.map(({ name }) => name);
};
