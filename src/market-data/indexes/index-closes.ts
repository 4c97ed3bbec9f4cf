import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { arrayLiteral } from '../sql.ts';
import type { Close } from './index-calculators.ts';

type Query = Pick<Transaction, 'query'>;
type CloseRow = Close & { readonly asset_id: number };

/** The closes of each asset, oldest first. */
export type ClosesByAsset = ReadonlyMap<number, Close[]>;

const byAsset = (assetIds: readonly number[], rows: readonly CloseRow[]): ClosesByAsset => {
  const closes = new Map(assetIds.map((id): [number, Close[]] => [id, []]));
  for (const { asset_id, date, close } of rows) closes.get(asset_id)?.push({ date, close });
  return closes;
};

/** The stored closes of the assets from the day `from` on. */
export const closesFrom = async (
  { query }: Query,
  assetIds: readonly number[],
  from: string | null,
): Promise<ClosesByAsset> => {
  const rows = await query<CloseRow>(
    `select asset_id, date, close from price
     where asset_id = any($1::int[]) and date >= coalesce($2::date, '-infinity') order by asset_id, date`,
    [arrayLiteral(assetIds), from],
  );
  return byAsset(assetIds, rows);
};

/** The days until `to` on which the first closes of the assets are. */
export const firstCloseDays = async ({ query }: Query, assetIds: readonly number[], to: string): Promise<string[]> => {
  const rows = await query<{ date: string }>(
    `select distinct first_close.date from unnest($1::int[]) as wanted (id) cross join lateral (
       select min(date) as date from price where asset_id = wanted.id
     ) as first_close where first_close.date <= $2 order by first_close.date`,
    [arrayLiteral(assetIds), to],
  );
  return rows.map(({ date }) => date);
};

/** The last close of each asset on each of the days, as a close of that day. Assets without an earlier close have none. */
export const closesAsOf = async (
  { query }: Query,
  assetIds: readonly number[],
  days: readonly string[],
): Promise<ClosesByAsset> => {
  const rows = await query<CloseRow>(
    `select wanted.id as asset_id, day.date, last_close.close
     from unnest($1::int[]) as wanted (id) cross join unnest($2::date[]) as day (date) cross join lateral (
       select close from price where asset_id = wanted.id and date <= day.date order by date desc limit 1
     ) as last_close order by wanted.id, day.date`,
    [arrayLiteral(assetIds), arrayLiteral(days)],
  );
  return byAsset(assetIds, rows);
};
