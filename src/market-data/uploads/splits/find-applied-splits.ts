import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Interval } from '../../series/periods.ts';
import type { ActionColumn } from '../columns.ts';
import { refused } from '../refusals.ts';
import { maxListedRows } from '../row-error.ts';
import { stagingTable } from '../upload.ts';
import { maxSplits, maxSplitsPerSeries, stagedActions } from './staged-actions.ts';

/** A smaller split moves the price no more than an ordinary day can, so a price does not show whether it is applied. */
const minJudgedFactor = 1.5;
/** Days in which the bar before a split must be. */
const daysBefore: Readonly<Record<Interval, number>> = { '1day': 10, '1week': 21, '1month': 62 };

/** Whether the price shows if the split is already part of the earlier prices. */
export const isJudgedSplit = (factor: number | null): boolean =>
  factor !== null && (factor >= minJudgedFactor || factor <= 1 / minJudgedFactor);

export type AppliedSplitsRequest = {
  readonly interval: Interval;
  /** The columns of actions that the file has. */
  readonly actions: readonly ActionColumn[];
};

/**
 * Finds splits, of the file or stored ones that stay, that the prices of the staged file already contain: the close of the day of the split is nearer to the
 * close before it than to that close divided by the factor. Stored as they came, such prices would be adjusted twice. The
 * order of the rows does not matter, except that the later line counts if a date comes twice.
 * @returns the lines of the first of them, and the number of all
 * @throws AppError `upload_refused` for more splits than shares have
 */
export const findAppliedSplits = async (
  { query }: Pick<Transaction, 'query'>,
  { interval, actions }: AppliedSplitsRequest,
): Promise<{ readonly lines: readonly number[]; readonly total: number }> => {
  // Without statistics PostgreSQL could compare each split with each row of its symbol.
  await query(`analyze ${stagingTable}`);
  const isOfFile = actions.includes('split_factor');
  const known = `select asset, date, max(line) as line, max(known_split) as split_factor from ${stagingTable}
    where known_split is not null group by asset, date`;
  const split = `select asset, date, line, split_factor from (${isOfFile ? stagedActions(actions) : known}) as action
    where split_factor >= $1::float8 or split_factor <= 1 / $1::float8`;
  const [counts] = await query<{ total: number; max: number }>(
    `select coalesce(sum(splits), 0)::int as total, coalesce(max(splits), 0)::int as max
     from (select count(*) as splits from (${split}) as split group by asset) as series`,
    [minJudgedFactor],
  );
  if (isOfFile && counts!.max > maxSplitsPerSeries)
    throw refused(`A symbol may have at most ${maxSplitsPerSeries} splits`);
  if (isOfFile && counts!.total > maxSplits) throw refused(`A file may have at most ${maxSplits} splits`);
  // Each day has one row here, and each row is compared only with the one before it, so repeated dates multiply no work.
  // Logarithms are subtracted, because a quotient of prices can be outside the range of numbers.
  const rows = await query<{ line: number; total: number }>(
    `with split as materialized (${split}), day as (
       select distinct on (asset, date) asset, date, ln(close) as close from ${stagingTable}
       where asset in (select asset from split) order by asset, date, line desc
     ), moved as (
       select asset, date, close - lag(close) over series as change, date - lag(date) over series as days
       from day window series as (partition by asset order by date)
     )
     select line::int, count(*) over ()::int as total from split join moved using (asset, date)
     where days <= $2::int and abs(change) < abs(change + ln(split_factor)) order by line limit $3`,
    [minJudgedFactor, daysBefore[interval], maxListedRows],
  );
  return { lines: rows.map(({ line }) => line), total: rows[0]?.total ?? 0 };
};
