import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Interval } from '../../series/periods.ts';
import { maxListedRows } from '../row-error.ts';
import { stagingTable } from '../upload.ts';

/** A smaller split moves the price no more than an ordinary day can, so a price does not show whether it is applied. */
const minJudgedFactor = 1.5;
/** Days in which the bar before a split must be. */
const daysBefore: Readonly<Record<Interval, number>> = { '1day': 10, '1week': 21, '1month': 62 };

/** Whether the price shows if the split is already part of the earlier prices. */
export const isJudgedSplit = (factor: number | null): boolean =>
  factor !== null && (factor >= minJudgedFactor || factor <= 1 / minJudgedFactor);

/**
 * Finds splits that the prices of the staged file already contain: the close of the day of the split is nearer to the
 * close before it than to that close divided by the factor. Stored as they came, such prices would be adjusted twice. The
 * order of the rows does not matter.
 * @returns the lines of the first of them, and the number of all
 */
export const findAppliedSplits = async (
  { query }: Pick<Transaction, 'query'>,
  interval: Interval,
): Promise<{ readonly lines: readonly number[]; readonly total: number }> => {
  // Without statistics PostgreSQL could compare each split with each row of its symbol.
  await query(`analyze ${stagingTable}`);
  const rows = await query<{ line: number; total: number }>(
    `with split as (
       select asset, date, line, close, split_factor from ${stagingTable}
       where split_factor >= $1::float8 or split_factor <= 1 / $1::float8
     ), judged as (
       select distinct on (split.asset, split.date, split.line) split.line, split.close, split_factor, earlier.close as before
       from split cross join generate_series(1, $2::int) as back
       join (select asset, date, close from ${stagingTable}) as earlier
         on earlier.asset = split.asset and earlier.date = split.date - back
       order by split.asset, split.date, split.line, back
     )
     select line::int, count(*) over ()::int as total from judged
     where abs(ln(close / before)) < abs(ln(close / before) + ln(split_factor)) order by line limit $3`,
    [minJudgedFactor, daysBefore[interval], maxListedRows],
  );
  return { lines: rows.map(({ line }) => line), total: rows[0]?.total ?? 0 };
};
