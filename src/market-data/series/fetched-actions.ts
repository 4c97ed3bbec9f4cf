import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { tellsActions, type FetchedSeries } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { arrayLiteral } from '../sql.ts';
import { firstDayOfPeriod, lastDayOfPeriod, type Interval } from './periods.ts';
import type { SeriesPlan } from './series-plan.ts';
import { earlier } from './stored-result.ts';

type Query = Pick<Transaction, 'query'>;

/** Runs statements that return the days they changed, of millions of rows perhaps. @returns the first of the days */
const firstDayOf = async (
  { query }: Query,
  statements: readonly string[],
  parameters: readonly unknown[],
): Promise<string | null> => {
  let first: string | null = null;
  for (const statement of statements) {
    const [row] = await query<{ first: string | null }>(
      `with changed as (${statement} returning date) select min(date) as first from changed`,
      parameters,
    );
    first = earlier(row!.first, first);
  }
  return first;
};

/** Series that get prices of `source`. */
export type SourcedSeries = {
  readonly assets: readonly number[];
  /** Those of the assets whose source tells no actions, because its prices are adjusted already. */
  readonly adjusted: readonly number[];
  readonly source: SeriesSource;
};

/**
 * Removes the actions that do not belong to the prices of the source. Call it before the new source is recorded.
 * - Adjusted prices have none: splits would adjust them twice, and a number of shares of its day is of another unit than they
 *   are. This holds whatever the source was, because earlier versions kept numbers of shares.
 * - Other series that get another source lose their splits and dividends. Numbers of shares stay, because all these sources have
 *   prices as they were traded.
 * @returns the first day of what was removed; null if nothing was
 */
export const removeOtherActions = async (
  { query }: Query,
  { assets, adjusted, source }: SourcedSeries,
): Promise<string | null> => {
  if (assets.length === 0) return null;
  const ofAdjusted = 'delete from corporate_actions where asset_id = any($1::int[])';
  const first = adjusted.length === 0 ? null : await firstDayOf({ query }, [ofAdjusted], [arrayLiteral(adjusted)]);
  const ofOther = 'asset.id = asset_id and asset.id = any($1::int[]) and price_source is distinct from $2';
  const removed = `delete from corporate_actions using asset where ${ofOther} and shares is null`;
  const emptied = `update corporate_actions set dividend = null, split_factor = null from asset
    where ${ofOther} and num_nonnulls(dividend, split_factor) > 0`;
  return earlier(await firstDayOf({ query }, [removed, emptied], [arrayLiteral(assets), source]), first);
};

/** `from`: the first day of the answer. */
type AcceptedSeries = FetchedSeries & { readonly asset: number; readonly plan: SeriesPlan; readonly from: string };

type StoreActions = { readonly interval: Interval; readonly isCurrent: boolean };

type Period = { readonly asset: number; readonly first: string; readonly last: string };

/** The stored bars of these periods stay, so their stored actions stay too. */
const keptPeriods = ({ asset, plan }: AcceptedSeries, interval: Interval): Period[] =>
  plan.removesAll
    ? []
    : plan.held
        .filter(({ reason }) => reason !== 'second_in_period')
        .map(({ date }) => ({
          asset,
          first: firstDayOfPeriod(date, interval),
          last: lastDayOfPeriod(date, interval),
        }));

/** The actions of the bars that were not held back. */
const actionsOf = ({ asset, prices, plan }: AcceptedSeries) => {
  const held = new Set(plan.held.map(({ date }) => date));
  return prices
    .filter(({ date, dividend, splitFactor }) => (dividend ?? splitFactor ?? null) !== null && !held.has(date))
    .map(({ date, dividend = null, splitFactor = null }) => ({ asset, date, dividend, splitFactor }));
};

/**
 * Stores the splits and dividends of series whose source tells them: from the first day of the answer on, the answer is the
 * truth, except in periods whose bar was held back. Data of an earlier fetch (`isCurrent` is false) add actions, and remove
 * and change none: their bar of a period can have an earlier date than the stored action of the period. Numbers of shares
 * stay. This is SQL, because these are writes of sets.
 * @returns the first day on which indexes can change; null if nothing has changed
 */
export const storeFetchedActions = async (
  { query }: Query,
  series: readonly AcceptedSeries[],
  { interval, isCurrent }: StoreActions,
): Promise<string | null> => {
  const told = series.filter(tellsActions);
  if (told.length === 0) return null;
  const actions = told.flatMap(actionsOf);
  const days = [arrayLiteral(actions.map(({ asset }) => asset)), arrayLiteral(actions.map(({ date }) => date))];
  let first: string | null = null;
  if (isCurrent) {
    const kept = told.flatMap((each) => keptPeriods(each, interval));
    const isGone = `asset_id = id and date >= first and num_nonnulls(dividend, split_factor) > 0 and not exists (
        select 1 from unnest($1::int[], $2::date[]) as told (asset, day) where asset = asset_id and day = date)
      and not exists (
        select 1 from unnest($5::int[], $6::date[], $7::date[]) as kept (asset, first_day, last_day)
        where asset = asset_id and date between first_day and last_day)`;
    const chosen = 'unnest($3::int[], $4::date[]) as chosen (id, first)';
    const parameters = [
      ...days,
      arrayLiteral(told.map(({ asset }) => asset)),
      arrayLiteral(told.map(({ from }) => from)),
      ...(['asset', 'first', 'last'] as const).map((name) => arrayLiteral(kept.map((period) => period[name]))),
    ];
    const removed = `delete from corporate_actions using ${chosen} where ${isGone} and shares is null`;
    const emptied = `update corporate_actions set dividend = null, split_factor = null from ${chosen}
      where ${isGone}`;
    first = await firstDayOf({ query }, [removed, emptied], parameters);
  }
  const next = (column: string): string =>
    isCurrent ? `excluded.${column}` : `coalesce(corporate_actions.${column}, excluded.${column})`;
  const isAlone = `$5::boolean or not exists (
    select 1 from corporate_actions as known
    where known.asset_id = told.asset and known.date between first_day and last_day and known.date <> told.day
      and num_nonnulls(known.dividend, known.split_factor) > 0)`;
  const written = await firstDayOf(
    { query },
    [
      `insert into corporate_actions (asset_id, date, dividend, split_factor)
       select asset, day, dividend, split_factor
       from unnest($1::int[], $2::date[], $3::float8[], $4::float8[], $6::date[], $7::date[])
         as told (asset, day, dividend, split_factor, first_day, last_day)
       where ${isAlone}
       on conflict (asset_id, date) do update set dividend = ${next('dividend')}, split_factor = ${next('split_factor')}
       where (corporate_actions.dividend, corporate_actions.split_factor)
         is distinct from (${next('dividend')}, ${next('split_factor')})`,
    ],
    [
      ...days,
      arrayLiteral(actions.map(({ dividend }) => dividend)),
      arrayLiteral(actions.map(({ splitFactor }) => splitFactor)),
      isCurrent,
      arrayLiteral(actions.map(({ date }) => firstDayOfPeriod(date, interval))),
      arrayLiteral(actions.map(({ date }) => lastDayOfPeriod(date, interval))),
    ],
  );
  return earlier(written, first);
};
