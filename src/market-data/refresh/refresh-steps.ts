import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { AssetEntity, MarketIndexEntity } from '../entities.ts';
import { indexCalculators } from '../indexes/index-calculators.ts';
import type { Close } from '../indexes/index-calculators.ts';
import { arrayLiteral } from '../sql.ts';
import type { IndexDefinition, Universe } from '../indexes/universes.ts';

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

type StoredClose = Close & { asset_id: number };

/** The stored closes of the given assets, oldest first. */
const storedCloses = async ({ query }: Transaction, assetIds: readonly number[]): Promise<Map<number, Close[]>> => {
  const closes = new Map(assetIds.map((id): [number, Close[]] => [id, []]));
  const rows = await query<StoredClose>(
    `select asset_id, date, close from price where asset_id = any($1::int[])
     order by asset_id, date`,
    [arrayLiteral(assetIds)],
  );
  for (const { asset_id, date, close } of rows) closes.get(asset_id)?.push({ date, close });
  return closes;
};

/**
 * Calculates the indexes of the universe again and stores their values. The calculation uses all stored prices,
 * because they can be older than the fetched prices.
 * @returns the number of index values
 * @throws AppError `external_api_bad_response` if a value is not a positive finite number
 */
export const calculateIndexValues = async (
  transaction: Transaction,
  ids: EnsuredIds,
  universe: Universe,
): Promise<number> => {
  const closes = await storedCloses(transaction, [...ids.assets.values()]);
  const seriesOf = ({ constituents }: IndexDefinition): Close[][] =>
    constituents.map((symbol) => closes.get(idOf(ids.assets, symbol)) ?? []);
  let written = 0;
  for (const index of universe.indexes) {
    const points = indexCalculators[index.method](seriesOf(index));
    if (!points.every(({ value }) => Number.isFinite(value) && value > 0)) {
      throw new AppError(
        'external_api_bad_response',
        `The prices give ${index.code} a value that is not positive and finite`,
      );
    }
    const id = idOf(ids.indexes, index.code);
    const dates = arrayLiteral(points.map(({ date }) => date));
    await transaction.query(
      `delete from index_value where index_id = $1
         and not exists (select 1 from unnest($2::date[]) as point (date) where point.date = index_value.date)`,
      [id, dates],
    );
    // Only differences are written, because a row that is written again costs as much as a new one.
    await transaction.query(
      `insert into index_value (index_id, date, value) select $1, * from unnest($2::date[], $3::float8[])
       on conflict (index_id, date) do update set value = excluded.value
         where index_value.value is distinct from excluded.value`,
      [id, dates, arrayLiteral(points.map(({ value }) => value))],
    );
    written += points.length;
  }
  return written;
};
