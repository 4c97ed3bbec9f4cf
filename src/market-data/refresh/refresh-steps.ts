import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { AssetEntity, MarketIndexEntity } from '../entities.ts';
import { arrayLiteral } from '../sql.ts';
import type { Universe } from '../indexes/universes.ts';

/** Database ids by symbol and by index code. */
export type EnsuredIds = {
  readonly assets: ReadonlyMap<string, number>;
  readonly indexes: ReadonlyMap<string, number>;
};

const idOf = (ids: ReadonlyMap<string, number>, name: string): number => {
  const id = ids.get(name);
  if (id === undefined) throw new Error(`${name} has no row`);
  return id;
};

/** Updates assets, indexes and constituents to the definition of the universe. The few rows use the identity map. */
export const ensureAssets = async ({ em, query }: Transaction, universe: Universe): Promise<EnsuredIds> => {
  const assetRows = await em.upsertMany(
    AssetEntity,
    universe.assets.map(({ symbol, name, exchange, currency }) => ({ symbol, name, exchange, currency })),
    { onConflictFields: ['symbol'] },
  );
  const indexRows = await em.upsertMany(
    MarketIndexEntity,
    universe.indexes.map(({ code, name, method }) => ({ code, name, method, universe: universe.name })),
    { onConflictFields: ['code'] },
  );
  const ids: EnsuredIds = {
    assets: new Map(assetRows.map(({ symbol, id }) => [symbol, id])),
    indexes: new Map(indexRows.map(({ code, id }) => [code, id])),
  };
  const pairs = universe.indexes.flatMap(({ code, constituents }) =>
    constituents.map((symbol) => [idOf(ids.indexes, code), idOf(ids.assets, symbol)] as const),
  );
  const columns = [arrayLiteral(pairs.map(([index]) => index)), arrayLiteral(pairs.map(([, asset]) => asset))];
  await query(
    `delete from index_constituent where index_id = any($1::int[])
       and (index_id, asset_id) not in (select * from unnest($1::int[], $2::int[]))`,
    columns,
  );
  await query(
    `insert into index_constituent (index_id, asset_id) select * from unnest($1::int[], $2::int[])
     on conflict do nothing`,
    columns,
  );
  return ids;
};
