import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../../providers/provider.ts';
import { arrayLiteral } from '../../sql.ts';

/** The first day of a series that is read. */
type SeriesStart = { readonly asset: number; readonly from: string };

type StoredClose = Pick<PriceBar, 'date' | 'close'>;

/**
 * Reads the closes of each series from its day `from` on, oldest first. Each series is one row of two JSON arrays, because
 * one row for each bar takes several times as much memory: a refresh of 5,000 series compares 50,000 bars.
 */
export const readStoredCloses = async (
  { query }: Pick<Reader, 'query'>,
  starts: readonly SeriesStart[],
): Promise<ReadonlyMap<number, readonly StoredClose[]>> => {
  const rows = await query<{ id: number; dates: string; closes: string }>(
    `select wanted.id, stored.dates, stored.closes
     from unnest($1::int[], $2::date[]) as wanted (id, first) cross join lateral (
       select json_agg(date order by date)::text as dates, json_agg(close order by date)::text as closes
       from price where asset_id = wanted.id and date >= first
     ) as stored
     where stored.dates is not null`,
    [arrayLiteral(starts.map(({ asset }) => asset)), arrayLiteral(starts.map(({ from }) => from))],
  );
  return new Map(
    rows.map(({ id, dates, closes }) => {
      const days = JSON.parse(dates) as string[];
      const values = JSON.parse(closes) as number[];
      return [id, days.map((date, index) => ({ date, close: values[index]! }))];
    }),
  );
};
