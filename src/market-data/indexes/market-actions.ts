import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { arrayLiteral } from '../sql.ts';
import type { MarketAction } from './calculation/index-day.ts';

type Query = Pick<Transaction, 'query'>;

/** The actions of a day, as JSON arrays. */
export type ActionsRow = {
  readonly date: string;
  readonly assets: string;
  readonly dividends: string;
  readonly splits: string;
  readonly shares: string;
};

const listOf = (column: string): string => `'[' || string_agg(${column}::text, ',' order by asset_id) || ']'`;
const numbersOf = (column: string): string => listOf(`coalesce(${column}::text, 'null')`);
/** Arrays like the closes, because a file can have the shares of each asset on each day. */
const lists = `date, ${listOf('asset_id')} as assets, ${numbersOf('dividend')} as dividends,
  ${numbersOf('split_factor')} as splits, ${numbersOf('shares')} as shares`;

export const readActions = ({ query }: Query, assets: string, from: string, to: string) =>
  query<ActionsRow>(
    `select ${lists} from corporate_actions
     where asset_id = any($1::int[]) and date between $2 and $3
     group by date order by date`,
    [assets, from, to],
  );

/** A symbol has at most 100 splits, so that one statement reads as many rows as one of closes. */
const assetsPerRead = 3_200;

/**
 * Of the actions before `first` those that count for an index that begins on this day or later: the newest number of shares of each
 * asset, and its splits from that day on. Dividends and older numbers change nothing, and files can have millions of them.
 */
export const earlyActions = async function* (
  { query }: Query,
  assets: readonly number[],
  first: string,
): AsyncGenerator<ActionsRow> {
  for (let start = 0; start < assets.length; start += assetsPerRead) {
    const rows = await query<ActionsRow>(
      `select ${lists} from (
         select action.* from unnest($1::int[]) as wanted (id) left join lateral (
           select date from corporate_actions
           where asset_id = wanted.id and date < $2 and shares is not null order by date desc limit 1
         ) as known on true cross join lateral (
           select asset_id, date, null::float8 as dividend, split_factor, shares from corporate_actions
           where asset_id = wanted.id and date = known.date
           union all
           select asset_id, date, null, split_factor, shares from corporate_actions
           where asset_id = wanted.id and date > coalesce(known.date, '-infinity') and date < $2
             and split_factor is not null
         ) as action
       ) as early
       group by date order by date`,
      [arrayLiteral(assets.slice(start, start + assetsPerRead)), first],
    );
    yield* rows;
  }
};

export const actionsOf = ({ date, ...texts }: ActionsRow): MarketAction[] => {
  const assets = JSON.parse(texts.assets) as number[];
  const numbers = (text: string) => JSON.parse(text) as (number | null)[];
  const [dividends, splits, shares] = [numbers(texts.dividends), numbers(texts.splits), numbers(texts.shares)];
  return assets.map((asset, index) => ({
    asset,
    date,
    dividend: dividends[index] ?? NaN,
    split: splits[index] ?? NaN,
    shares: shares[index] ?? NaN,
  }));
};
