import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { arrayLiteral } from '../../sql.ts';
import type { Universe } from '../../indexes/universes.ts';
import { ensureRows } from './ensure-rows.ts';

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

const definedAssets =
  'select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as own (symbol, name, exchange, currency)';
const definedIndexes = 'select * from unnest($1::text[], $2::text[], $3::text[]) as own (code, name, method)';

const insertAssets = `insert into asset (symbol, name, exchange, currency)
  select * from (${definedAssets}) as own
  where not exists (select from asset where asset.symbol = own.symbol) order by symbol on conflict do nothing`;

/**
 * Writes only what differs, because a universe can have 10,000 assets, which rarely change. A universe of the API does not change what a
 * universe of UNIVERSES_FILE says about an asset, because only an operator may.
 */
const updateAssets = `update asset set name = own.name, exchange = own.exchange, currency = own.currency
  from (${definedAssets}) as own where asset.symbol = own.symbol
    and (asset.name, asset.exchange, asset.currency) is distinct from (own.name, own.exchange, own.currency)
    and (exists (select 1 from universe where universe.name = $5 and origin = 'file') or not exists (
      select 1 from universe_asset as other join universe on universe.name = other.universe
      where other.symbol = asset.symbol and origin = 'file'))`;

const insertIndexes = `insert into market_index (code, name, method, universe)
  select code, name, method, $4 from (${definedIndexes}) as own
  where not exists (select from market_index where market_index.code = own.code) order by code on conflict do nothing`;

const updateIndexes = `update market_index set name = own.name, method = own.method, universe = $4
  from (${definedIndexes}) as own where market_index.code = own.code
    and (market_index.name, market_index.method, market_index.universe) is distinct from (own.name, own.method, $4)`;

/**
 * Updates assets, indexes and constituents to the definition of the universe. These are writes of sets in SQL: as managed
 * entities, thousands of assets would block the event loop for seconds.
 */
export const ensureAssets = async ({ query }: Query, { name, assets, indexes }: Universe): Promise<EnsuredIds> => {
  const symbols = assets.map(({ symbol }) => symbol);
  const codes = indexes.map(({ code }) => code);
  const ofAssets = [
    symbols,
    assets.map((asset) => asset.name),
    assets.map(({ exchange }) => exchange),
    assets.map(({ currency }) => currency),
  ];
  const ofIndexes = [codes, indexes.map((index) => index.name), indexes.map(({ method }) => method), name];
  const ids: EnsuredIds = {
    assets: await ensureRows(
      { query },
      { table: 'asset', column: 'symbol', insert: insertAssets, parameters: ofAssets },
      symbols,
    ),
    indexes: await ensureRows(
      { query },
      { table: 'market_index', column: 'code', insert: insertIndexes, parameters: ofIndexes },
      codes,
    ),
  };
  await query(updateAssets, [...ofAssets, name]);
  await query(updateIndexes, ofIndexes);
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
