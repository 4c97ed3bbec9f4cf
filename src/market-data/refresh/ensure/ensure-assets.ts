import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { arrayLiteral } from '../sql.ts';
import type { Universe } from '../indexes/universes.ts';

// SQL: assets, indexes and constituents of a universe are written as sets.

/** Database ids by symbol and by index code. */
export type EnsuredIds = {
  readonly assets: ReadonlyMap<string, number>;
  readonly indexes: ReadonlyMap<string, number>;
};

type Query = Pick<Transaction, 'query'>;

const idOf = (ids: ReadonlyMap<string, number>, name: string): number => {
  const id = ids.get(name);
  if (id === undefined) throw new Error(`${name} has no row`);
  return id;
};

/**
 * Writes only what differs, because a universe can have 10,000 assets, which rarely change. A universe of the API does not change what a
 * universe of UNIVERSES_FILE says about an asset, because only an operator may. In the order of the symbols, because universes can share symbols and
 * name them in different orders: their transactions would wait for each other.
 */
const upsertAssets = `insert into asset (symbol, name, exchange, currency)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) order by 1
  on conflict (symbol) do update set name = excluded.name, exchange = excluded.exchange, currency = excluded.currency
    where (asset.name, asset.exchange, asset.currency) is distinct from (excluded.name, excluded.exchange, excluded.currency)
    and (exists (select 1 from universe where universe.name = $5 and origin = 'file') or not exists (
      select 1 from universe_asset as own join universe on universe.name = own.universe
      where own.symbol = asset.symbol and origin = 'file'))`;

const upsertIndexes = `insert into market_index (code, name, method, universe)
  select code, name, method, $4 from unnest($1::text[], $2::text[], $3::text[]) as definition (code, name, method)
  order by code
  on conflict (code) do update set name = excluded.name, method = excluded.method, universe = excluded.universe
    where (market_index.name, market_index.method, market_index.universe)
      is distinct from (excluded.name, excluded.method, excluded.universe)`;

const readIds = async (
  { query }: Query,
  table: 'asset' | 'market_index',
  column: 'symbol' | 'code',
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> => {
  const statement = `select id, ${column} as name from ${table} where ${column} = any($1::text[])`;
  const rows = await query<{ id: number; name: string }>(statement, [names]);
  return new Map(rows.map(({ id, name }) => [name, id]));
};

/**
 * Updates assets, indexes and constituents to the definition of the universe. These are writes of sets in SQL: as managed
 * entities, thousands of assets would block the event loop for seconds.
 */
export const ensureAssets = async ({ query }: Query, { name, assets, indexes }: Universe): Promise<EnsuredIds> => {
  const symbols = assets.map(({ symbol }) => symbol);
  const codes = indexes.map(({ code }) => code);
  await query(upsertAssets, [
    symbols,
    assets.map((asset) => asset.name),
    assets.map(({ exchange }) => exchange),
    assets.map(({ currency }) => currency),
    name,
  ]);
  await query(upsertIndexes, [codes, indexes.map((index) => index.name), indexes.map(({ method }) => method), name]);
  const ids: EnsuredIds = {
    assets: await readIds({ query }, 'asset', 'symbol', symbols),
    indexes: await readIds({ query }, 'market_index', 'code', codes),
  };
  for (const { code, constituents } of indexes) {
    const index = idOf(ids.indexes, code);
    const members = arrayLiteral(constituents.map((symbol) => idOf(ids.assets, symbol)));
    await query(
      'delete from index_constituent where index_id = $1 and asset_id not in (select * from unnest($2::int[]))',
      [index, members],
    );
    await query(
      'insert into index_constituent (index_id, asset_id) select $1, * from unnest($2::int[]) on conflict do nothing',
      [index, members],
    );
  }
  return ids;
};
