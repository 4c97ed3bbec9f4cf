import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { SeriesRange } from '../series/stored/stored-series.ts';
import { maxSplitProduct } from '../series/number-range.ts';
import { arrayLiteral } from '../sql.ts';
import { actionColumns } from './columns.ts';
import { refused } from './refusals.ts';
import { maxSplitsPerSeries, stagedActions } from './splits/staged-actions.ts';
import { stagingTable, type StagedUpload } from './upload.ts';

// SQL: the rows of a file are compared with the stored ones and written as sets.

/** Looks at what is stored after the upload, because many files can add splits to one series, each of them few. */
const assertUsableSplits = async (
  { query }: Pick<Transaction, 'query'>,
  series: readonly SeriesRange[],
): Promise<void> => {
  // Logarithms are added, because a product can be outside the range of numbers.
  const [found] = await query<{ symbol: string; splits: number }>(
    `select symbol, max(splits)::int as splits from (
       select asset_id, count(*) over (partition by asset_id) as splits,
         sum(ln(split_factor)) over (partition by asset_id order by date desc) as product
       from corporate_actions where asset_id = any($1::int[]) and split_factor is not null
     ) as split join asset on asset.id = asset_id
     where splits > ${maxSplitsPerSeries} or abs(product) > ln(${maxSplitProduct}::float8) + 1e-9
     group by symbol order by symbol limit 1`,
    [arrayLiteral(series.map(({ asset }) => asset))],
  );
  if (!found) return;
  const problem =
    found.splits > maxSplitsPerSeries
      ? `would have more than ${maxSplitsPerSeries} splits`
      : `would have splits that multiply its shares by more than ${maxSplitProduct}, or divide them by more`;
  throw refused(`${found.symbol} ${problem}. Nothing was stored`);
};

/**
 * Stores dividends, splits and numbers of shares of the series. The file is the truth for the columns that it has: between
 * the first and the last date of a series, and with the mode `replace` at all times. The other columns stay, and so does
 * all that is stored for days whose bar was held back (`hasHeldDays`).
 * @returns the first day on which indexes can change; null if nothing has changed
 * @throws AppError `upload_refused` if a symbol would have too many splits, or splits with an absurd product
 */
export const storeActions = async (
  transaction: Pick<Transaction, 'query'>,
  { actions, mode, hasHeldDays }: Pick<StagedUpload, 'actions' | 'mode'> & { readonly hasHeldDays: boolean },
  series: readonly (SeriesRange & { readonly position: number })[],
): Promise<string | null> => {
  if (actions.length === 0 || series.length === 0) return null;
  const { query } = transaction;
  // The names come from a closed list.
  const present = actions.join(', ');
  const others = actionColumns.filter((column) => !actions.includes(column));
  const isReplaced = mode === 'replace';
  const parameters = [
    arrayLiteral(series.map(({ position }) => position)),
    arrayLiteral(series.map(({ asset }) => asset)),
    arrayLiteral(series.map(({ first }) => (isReplaced ? '-infinity' : first))),
    arrayLiteral(series.map(({ last }) => (isReplaced ? 'infinity' : last))),
  ];
  const chosen = 'unnest($1::int[], $2::int[], $3::date[], $4::date[]) as chosen (position, id, first, last)';
  const staged = `select id as asset_id, date, ${present}
    from (${stagedActions(actions)}) as action join ${chosen} on asset = position`;
  const inRange = `corporate_actions.asset_id = chosen.id and corporate_actions.date between first and last`;
  const isTold = hasHeldDays
    ? `not exists (select 1 from ${stagingTable} as held
        where held.asset = chosen.position and held.date = corporate_actions.date and held.is_held)`
    : 'true';

  const isDifferent = actions.map((column) => `new.${column} is distinct from old.${column}`).join(' or ');
  const [difference] = await query<{ first: string | null }>(
    `with new as (${staged}), old as (
       select asset_id, date, ${present} from corporate_actions join ${chosen} on ${inRange}
       where num_nonnulls(${present}) > 0 and ${isTold}
     )
     select min(date) as first from new full join old using (asset_id, date) where ${isDifferent}`,
    parameters,
  );
  if (difference === undefined || difference.first === null) return null;

  const emptyOthers = others.length === 0 ? 'true' : `num_nonnulls(${others.join(', ')}) = 0`;
  await query(
    `delete from corporate_actions using ${chosen} where ${inRange} and ${emptyOthers} and ${isTold}`,
    parameters,
  );
  await query(
    `update corporate_actions set ${actions.map((column) => `${column} = null`).join(', ')} from ${chosen}
     where ${inRange} and num_nonnulls(${present}) > 0 and ${isTold}`,
    parameters,
  );
  await query(
    `insert into corporate_actions (asset_id, date, ${present}) ${staged}
     on conflict (asset_id, date) do update set ${actions.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    parameters,
  );
  if (actions.includes('split_factor')) await assertUsableSplits(transaction, series);
  // Also a split changes no index before its day, because indexes use prices as they came.
  return difference.first;
};
