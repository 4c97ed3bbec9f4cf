import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { arrayLiteral } from '../../sql.ts';
import { maxBarsOfSeries } from '../max-bars.ts';
import type { SeriesRange } from './stored-series.ts';

type Query = Pick<Reader, 'query'>;

type TooLong = (symbol: string) => AppError;

/** @returns the number of stored bars of each range, without those of 0. @throws the error of `tooLong` */
export const countStoredBars = async (
  { query }: Query,
  ranges: readonly SeriesRange[],
  tooLong: TooLong,
): Promise<ReadonlyMap<number, number>> => {
  const rows = await query<{ id: number; symbol: string; bars: number }>(
    `select id, symbol, bars from unnest($1::int[], $2::date[], $3::date[]) as wanted (id, first, last)
       join asset using (id) cross join lateral (
         select count(*)::int as bars from (
           select from price where asset_id = id and date between first and last limit ${maxBarsOfSeries + 1}
         ) as bar
       ) as counted where bars > 0`,
    (['asset', 'first', 'last'] as const).map((name) => arrayLiteral(ranges.map((each) => each[name]))),
  );
  const long = rows.find(({ bars }) => bars > maxBarsOfSeries);
  if (long) throw tooLong(long.symbol);
  return new Map(rows.map(({ id, bars }) => [id, bars]));
};

/**
 * Call it after a write, because only then the union of stored and new bars is known. Bars are counted only where the series
 * has as many days as it may have bars.
 * @throws the error of `tooLong`
 */
export const assertSeriesLengths = async (
  { query }: Query,
  assets: readonly number[],
  tooLong: TooLong,
): Promise<void> => {
  const [long] = await query<{ symbol: string }>(
    `select symbol from unnest($1::int[]) as written (id) join asset using (id) cross join lateral (
       select min(date) as first, max(date) as last from price where asset_id = id
     ) as span
     where case when last - first < ${maxBarsOfSeries} then false else (
       select count(*) from (select from price where asset_id = id limit ${maxBarsOfSeries + 1}) as bar
     ) > ${maxBarsOfSeries} end limit 1`,
    [arrayLiteral(assets)],
  );
  if (long) throw tooLong(long.symbol);
};
