import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Split } from '../../series/adjust-bars.ts';
import { maxNumber, maxSplitProduct, minNumber, numberRange } from '../../series/number-range.ts';
import type { SeriesRange } from '../../series/stored/stored-series.ts';
import { arrayLiteral } from '../../sql.ts';
import { refused } from '../refusals.ts';
import { stagingTable, type StagedUpload } from '../upload.ts';
import { stayingSplits } from './known-splits.ts';
import { maxSplits, maxSplitsPerSeries, stagedActions } from './staged-actions.ts';

// SQL: all staged rows of a file are changed at once.

type SeriesAt = SeriesRange & { readonly position: number };
type SplitRow = Split & { readonly position: number };

/** Days from `first` on and before `before` have one factor: the product of the later splits. */
type Segment = { readonly position: number; readonly first: string; readonly before: string; readonly factor: number };

/**
 * The splits of each series that are stored after the upload: those of the file, and the stored ones that the file does
 * not replace.
 */
const readSplits = async (
  { query }: Pick<Transaction, 'query'>,
  { actions, mode }: Pick<StagedUpload, 'actions' | 'mode'>,
  series: readonly SeriesAt[],
): Promise<SplitRow[]> => {
  const ofFile = actions.includes('split_factor');
  // The stored splits that stay are outside the dates of the file, so no date comes twice.
  const staged = `select asset as position, date, split_factor as factor from (${stagedActions(actions)}) as action
    where split_factor is not null union all`;
  return query<SplitRow>(
    `with chosen as (select * from unnest($1::int[], $2::int[], $3::date[], $4::date[]) as series (position, id, first, last))
     select position, date, factor from (
       ${ofFile ? staged : ''}
       ${stayingSplits({ actions, mode })}
     ) as split order by position, date limit $5`,
    [
      arrayLiteral(series.map(({ position }) => position)),
      arrayLiteral(series.map(({ asset }) => asset)),
      arrayLiteral(series.map(({ first }) => first)),
      arrayLiteral(series.map(({ last }) => last)),
      maxSplits + 1,
    ],
  );
};

const segmentsOfSeries = (position: number, splits: readonly SplitRow[]): Segment[] => {
  if (splits.length > maxSplitsPerSeries) throw refused(`A symbol may have at most ${maxSplitsPerSeries} splits`);
  const segments: Segment[] = [];
  let factor = 1;
  // The newest split comes first, because each day has the product of all later splits.
  for (let index = splits.length - 1; index >= 0; index -= 1) {
    factor *= splits[index]!.factor;
    if (!(factor <= maxSplitProduct && factor >= 1 / maxSplitProduct)) {
      throw refused(`The splits of a symbol may multiply its shares by at most ${maxSplitProduct}`);
    }
    segments.push({ position, first: splits[index - 1]?.date ?? '-infinity', before: splits[index]!.date, factor });
  }
  return segments;
};

/**
 * Turns staged prices that are in shares of today into prices as they were traded, which are the ones that are stored:
 * prices and dividends before a split are multiplied by its factor, and volumes are divided by it. It is the inverse of
 * `adjustBars`. `shares` stay, because they are numbers of their day.
 * @throws AppError `upload_refused`
 */
export const unadjustUpload = async (
  transaction: Pick<Transaction, 'query'>,
  staged: Pick<StagedUpload, 'actions' | 'mode'>,
  series: readonly SeriesAt[],
): Promise<void> => {
  const splits = await readSplits(transaction, staged, series);
  if (splits.length > maxSplits) throw refused(`A file with adjusted=true may have at most ${maxSplits} splits`);
  const segments = [...Map.groupBy(splits, ({ position }) => position)].flatMap(([position, ofSeries]) =>
    segmentsOfSeries(position, ofSeries),
  );
  if (segments.length === 0) return;
  const parameters = [
    arrayLiteral(segments.map(({ position }) => position)),
    arrayLiteral(segments.map(({ first }) => first)),
    arrayLiteral(segments.map(({ before }) => before)),
    arrayLiteral(segments.map(({ factor }) => factor)),
  ];
  const from = 'unnest($1::int[], $2::date[], $3::date[], $4::float8[]) as segment (position, first, before, factor)';
  const inSegment = 'asset = position and date >= first and date < before';
  const numbers =
    'open * factor, high * factor, low * factor, close * factor, nullif(volume, 0) / factor, dividend * factor';
  const [outside] = await transaction.query<{ line: number }>(
    `select line::int from ${stagingTable} join ${from} on ${inSegment}
     where least(${numbers}) < ${minNumber} or greatest(${numbers}) > ${maxNumber} order by line limit 1`,
    parameters,
  );
  if (outside) {
    throw refused(
      `The numbers of line ${outside.line} as they were traded must be ${numberRange}: check its price and the splits after it`,
    );
  }
  await transaction.query(
    `update ${stagingTable} set open = open * factor, high = high * factor, low = low * factor, close = close * factor,
       volume = volume / factor, dividend = dividend * factor from ${from} where ${inSegment}`,
    parameters,
  );
};
