import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { UniverseOrigin } from '../indexes/universes.ts';
import { instant } from '../sql.ts';
import type { UniverseDocument } from './universe-document.ts';

type Query = Pick<Transaction, 'query'>;

/** A universe as it is stored. */
export type StoredUniverse = {
  readonly name: string;
  readonly version: number;
  readonly origin: UniverseOrigin;
  readonly definition: UniverseDocument;
  readonly created_at: string;
  readonly updated_at: string;
};

/** Changes of universes take turns under this name. */
export const changesTurn = 'universes';

/**
 * SQL of the definition. Members that are null are not stored, because the previous release refuses members that it does
 * not know while both run. It stores `"schedule": null` in each definition, where null has no meaning, so a universe that is
 * never refreshed is stored with `"schedule": "none"`.
 */
export const definitionSql = `('{"exchange": null}'::jsonb || case definition -> 'schedule'
  when 'null' then definition - 'schedule' when '"none"' then definition || '{"schedule": null}' else definition end)`;
export const definitionColumn = `${definitionSql} as definition`;

export const universeColumns = `name, version, origin, ${definitionColumn}, ${instant('created_at')}, ${instant('updated_at')}`;

/** The row of the universe, locked until the end of the transaction. */
export const lockUniverse = async ({ query }: Query, name: string): Promise<StoredUniverse | undefined> =>
  (await query<StoredUniverse>(`select ${universeColumns} from universe where name = $1 for update`, [name]))[0];

const storedForm = ({ exchange, ...definition }: UniverseDocument): string =>
  JSON.stringify({
    ...definition,
    ...(exchange !== null && { exchange }),
    ...(definition.schedule === null && { schedule: 'none' }),
  });

export const writeUniverse = async (
  { query }: Query,
  universe: Pick<StoredUniverse, 'name' | 'version' | 'origin' | 'definition'>,
  at: string,
): Promise<StoredUniverse> => {
  const { name, version, origin, definition } = universe;
  const { assets, indexes, source, interval } = definition;
  const [row] = await query<StoredUniverse>(
    `insert into universe (name, version, origin, source, interval, definition, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7, $7)
     on conflict (name) do update set version = $2, origin = $3, source = $4, interval = $5, definition = $6::jsonb,
       updated_at = $7
     returning ${universeColumns}`,
    [name, version, origin, source, interval, storedForm(definition), at],
  );
  const symbols = assets.map(({ symbol }) => symbol);
  const codes = indexes.map(({ code }) => code);
  await query('delete from universe_asset where universe = $1 and symbol <> all($2::text[])', [name, symbols]);
  await query('insert into universe_asset select $1, * from unnest($2::text[]) on conflict do nothing', [
    name,
    symbols,
  ]);
  await query('delete from universe_index where universe = $1 and code <> all($2::text[])', [name, codes]);
  await query('insert into universe_index select *, $1 from unnest($2::text[]) on conflict do nothing', [name, codes]);
  return row!;
};

/** Codes of the list that another universe has. */
export const takenCodes = async ({ query }: Query, name: string, codes: readonly string[]): Promise<Set<string>> => {
  const rows = await query<{ code: string }>(
    'select code from universe_index where universe <> $1 and code = any($2::text[])',
    [name, codes],
  );
  return new Set(rows.map(({ code }) => code));
};

export type OtherSeries = { readonly symbol: string; readonly universe: string };

/** Symbols of the list that another universe has from another source or with another interval. */
export const otherSeries = async (
  { query }: Query,
  name: string,
  symbols: readonly string[],
  { sources, interval }: { readonly sources: readonly string[]; readonly interval: string },
): Promise<OtherSeries[]> =>
  query<OtherSeries>(
    `select symbol, min(universe) as universe from universe_asset join universe on universe.name = universe
     where universe <> $1 and symbol = any($2::text[]) and (source <> all($3::text[]) or interval <> $4)
     group by symbol`,
    [name, symbols, sources, interval],
  );

/** Deletes the indexes of the universe that are not in its definition, with their values. */
export const removeUnusedIndexes = async ({ query }: Query, name: string): Promise<number> => {
  const unused = await query<{ id: number }>(
    'select id from market_index where universe = $1 and code not in (select code from universe_index where universe = $1)',
    [name],
  );
  const ids = unused.map(({ id }) => id);
  if (ids.length === 0) return 0;
  for (const table of ['index_value', 'index_checkpoint', 'index_divisor', 'index_constituent']) {
    await query(`delete from ${table} where index_id = any($1::int[])`, [ids]);
  }
  await query('delete from market_index where id = any($1::int[])', [ids]);
  return ids.length;
};

/**
 * Deletes the series of those symbols that no universe has any more. The next refresh calculates the indexes that had
 * them as constituents, because their definition has changed.
 */
export const removeUnusedSeries = async ({ query }: Query, symbols: readonly string[]): Promise<number> => {
  const unused = await query<{ id: number }>(
    `select id from asset where symbol = any($1::text[])
       and not exists (select 1 from universe_asset where universe_asset.symbol = asset.symbol)`,
    [symbols],
  );
  const ids = unused.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await query('delete from index_constituent where asset_id = any($1::int[])', [ids]);
  await query('delete from price_quarantine where asset_id = any($1::int[])', [ids]);
  await query('delete from corporate_actions where asset_id = any($1::int[])', [ids]);
  await query('delete from price where asset_id = any($1::int[])', [ids]);
  await query('delete from asset where id = any($1::int[])', [ids]);
  return ids.length;
};
