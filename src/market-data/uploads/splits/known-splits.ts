import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../../indexes/universes.ts';
import { arrayLiteral } from '../../sql.ts';
import { stagingTable, type StagedUpload } from '../upload.ts';

// SQL: all staged rows of a file are marked at once.

/**
 * A query of the stored splits that stay beside a file, of the series `chosen (position, id, first, last)`: all of them if the file has no
 * column of splits, else those that it does not replace. Splits of another source are removed with its prices. All code that asks which splits
 * prices of a file meet must use it.
 */
export const stayingSplits = ({ actions, mode }: Pick<StagedUpload, 'actions' | 'mode'>): string => {
  const isReplacedByFile = actions.includes('split_factor');
  const stays = isReplacedByFile ? (mode === 'replace' ? 'false' : 'date not between first and last') : 'true';
  return `select position, date, split_factor as factor from chosen join asset using (id)
    join corporate_actions on asset_id = id
    where split_factor is not null and price_source = 'upload' and ${stays}`;
};

/**
 * Marks the rows of a file that are the first ones in the new unit after a stored split that stays, because such rows are judged as
 * those with a split of their own. A split of a day without a row belongs to the next row.
 * @returns whether there is such a row
 */
export const markKnownSplits = async (
  { query }: Pick<Transaction, 'query'>,
  { assets }: Pick<Universe, 'assets'>,
  staged: Pick<StagedUpload, 'actions' | 'mode' | 'series'>,
): Promise<boolean> => {
  // A file with a column of splits replaces all of them between its dates.
  if (staged.actions.includes('split_factor')) return false;
  const series = [...staged.series];
  const chosen = `chosen as (
    select position, asset.id, first, last
    from unnest($1::int[], $2::text[], $3::date[], $4::date[]) as series (position, symbol, first, last)
    join asset using (symbol)
  ), split as materialized (
    select position, date, ln(factor) as factor from (${stayingSplits(staged)}) as staying
    join chosen using (position) where date between first and last
  )`;
  const parameters = [
    arrayLiteral(series.map(([position]) => position)),
    series.map(([position]) => assets[position]!.symbol),
    arrayLiteral(series.map(([, { firstDate }]) => firstDate)),
    arrayLiteral(series.map(([, { lastDate }]) => lastDate)),
  ];
  const [found] = await query<{ any: boolean }>(
    `with ${chosen} select exists (select 1 from split) as any`,
    parameters,
  );
  if (found?.any !== true) return false;
  // Logarithms are added, because a product can be outside the range of numbers. The days are read from the last one, because PostgreSQL
  // calculates a min anew for each row of a window whose start moves.
  await query(
    `with ${chosen}, day as (
       select position, date, factor from split
       union all
       select distinct asset, date, null::float8 from ${stagingTable} where asset in (select position from split)
     ), next as (
       select position, factor, min(date) filter (where factor is null) over (
         partition by position order by date desc, factor nulls first rows between unbounded preceding and current row
       ) as date from day
     )
     update ${stagingTable} as staged set known_split = exp(known.factor)
     from (
       select position, date, sum(factor) as factor from next where factor is not null group by position, date
     ) as known
     where staged.asset = known.position and staged.date = known.date`,
    parameters,
  );
  return true;
};
