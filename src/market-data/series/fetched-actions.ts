import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { tellsActions, type FetchedSeries } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { arrayLiteral } from '../sql.ts';

type Query = Pick<Transaction, 'query'>;

type DateRow = { readonly date: string };

/**
 * Removes splits and dividends of series that get prices of another source. Call it before the new source is recorded. The
 * prices of the new source can be adjusted already, and would then be adjusted twice. Numbers of shares stay.
 */
export const removeOtherActions = async (
  { query }: Query,
  assets: readonly number[],
  source: SeriesSource | null,
): Promise<void> => {
  if (assets.length === 0) return;
  const ofOther = 'asset.id = asset_id and asset.id = any($1::int[]) and price_source is distinct from $2';
  const parameters = [arrayLiteral(assets), source];
  await query(`delete from corporate_actions using asset where ${ofOther} and shares is null`, parameters);
  await query(
    `update corporate_actions set dividend = null, split_factor = null from asset
     where ${ofOther} and num_nonnulls(dividend, split_factor) > 0`,
    parameters,
  );
};

/** `from`: the first day of the answer. */
type AcceptedSeries = FetchedSeries & { readonly asset: number; readonly from: string };

/**
 * Stores the splits and dividends of series whose source tells them: from the first day of the answer on, the answer is the
 * truth. Data of an earlier fetch (`isCurrent` is false) add actions, and remove and change none. Numbers of shares stay.
 * This is SQL, because these are writes of sets.
 * @returns the first day on which indexes can change; null if nothing has changed
 */
export const storeFetchedActions = async (
  { query }: Query,
  series: readonly AcceptedSeries[],
  isCurrent: boolean,
): Promise<string | null> => {
  const told = series.filter(tellsActions);
  if (told.length === 0) return null;
  const actions = told.flatMap(({ asset, prices }) =>
    prices
      .filter(({ dividend, splitFactor }) => (dividend ?? splitFactor ?? null) !== null)
      .map(({ date, dividend = null, splitFactor = null }) => ({ asset, date, dividend, splitFactor })),
  );
  const days = [arrayLiteral(actions.map(({ asset }) => asset)), arrayLiteral(actions.map(({ date }) => date))];
  const changed: DateRow[] = [];
  if (isCurrent) {
    const isGone = `asset_id = id and date >= first and num_nonnulls(dividend, split_factor) > 0 and not exists (
      select 1 from unnest($1::int[], $2::date[]) as told (asset, day) where asset = asset_id and day = date)`;
    const chosen = 'unnest($3::int[], $4::date[]) as chosen (id, first)';
    const parameters = [
      ...days,
      arrayLiteral(told.map(({ asset }) => asset)),
      arrayLiteral(told.map(({ from }) => from)),
    ];
    const removed = `delete from corporate_actions using ${chosen} where ${isGone} and shares is null returning date`;
    const emptied = `update corporate_actions set dividend = null, split_factor = null from ${chosen}
      where ${isGone} returning date`;
    changed.push(...(await query<DateRow>(removed, parameters)), ...(await query<DateRow>(emptied, parameters)));
  }
  const next = (column: string): string =>
    isCurrent ? `excluded.${column}` : `coalesce(corporate_actions.${column}, excluded.${column})`;
  changed.push(
    ...(await query<DateRow>(
      `insert into corporate_actions (asset_id, date, dividend, split_factor)
       select * from unnest($1::int[], $2::date[], $3::float8[], $4::float8[])
       on conflict (asset_id, date) do update set dividend = ${next('dividend')}, split_factor = ${next('split_factor')}
       where (corporate_actions.dividend, corporate_actions.split_factor)
         is distinct from (${next('dividend')}, ${next('split_factor')})
       returning date`,
      [
        ...days,
        arrayLiteral(actions.map(({ dividend }) => dividend)),
        arrayLiteral(actions.map(({ splitFactor }) => splitFactor)),
      ],
    )),
  );
  return changed.reduce<string | null>((first, { date }) => (first === null || date < first ? date : first), null);
};
