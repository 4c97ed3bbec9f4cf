import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: rows of a universe are written as sets, and their ids come from sequences.

type Query = Pick<Transaction, 'query'>;

/** Each attempt gives an id to a part of the missing rows at least, or goes past all used ids that follow each other. */
const maxAttempts = 100;

type NamedTable = {
  readonly table: 'asset' | 'market_index';
  readonly column: 'symbol' | 'code';
  /** Inserts the rows of names without one. No other row may take an id of the sequence. */
  readonly insert: string;
  readonly parameters: readonly unknown[];
};

/** Locked as a write of them would, because universes can share symbols, and two refreshes must not write one series at once. */
const lockRows = async (
  { query }: Query,
  { table, column }: NamedTable,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> => {
  const statement = `select id, ${column} as name from ${table} where ${column} = any($1::text[])
    order by ${column} for no key update`;
  const rows = await query<{ id: number; name: string }>(statement, [names]);
  return new Map(rows.map(({ id, name }) => [name, id]));
};

/** The next id comes after the used ones that follow the current one. */
const skipUsedIds = (table: NamedTable['table']): string => {
  const sequence = `pg_get_serial_sequence('${table}', 'id')`;
  return `select setval(${sequence}, min(id)) from ${table} as used
    where id >= (select last_value from ${table}_id_seq)
      and not exists (select from ${table} as next where next.id = used.id + 1::bigint)
    having min(id) is not null`;
};

/**
 * Inserts missing rows, and locks all of them until the end of the transaction. Both are done in the order of the names, because two universes
 * can name what they share in different orders: their transactions would wait for each other. An id is taken only for a row that is inserted, because sequences of 4 bytes end, and refreshes of
 * known assets are the usual ones. At its end a sequence begins anew: an id that is used then is left out
 * (docs/decisions/0355).
 * @returns ids by name
 */
export const ensureRows = async (
  { query }: Query,
  table: NamedTable,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> => {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    await query(table.insert, table.parameters);
    const ids = await lockRows({ query }, table, names);
    if (names.every((name) => ids.has(name))) return ids;
    await query(skipUsedIds(table.table), []);
  }
  throw new Error(`${table.table} has no free ids`);
};
