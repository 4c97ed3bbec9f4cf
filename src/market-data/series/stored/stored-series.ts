import { dayMs, utcDay } from '#src/kernel/calendar.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Turns } from '#src/kernel/streams/turns.ts';
import type { PriceBar } from '../../providers/provider.ts';
import { arrayLiteral } from '../../sql.ts';
import { barOf } from '../bars.ts';
import type { SeriesOrigin, StoredSeries } from '../series-plan.ts';
import { readInPages, rowsPerRead } from './paged-rows.ts';

type Query = Pick<Reader, 'query'>;

type BarRow = PriceBar & { readonly asset_id: number };
type OriginRow = SeriesOrigin & { readonly id: number };

const columns = 'asset_id, date, open, high, low, close, volume';

/** The days of a series that are read. Both can be `infinity`. */
export type SeriesRange = { readonly asset: number; readonly first: string; readonly last: string };

/** No bar is in it. The bar before it is the newest one. */
export const noDays = { first: 'infinity', last: 'infinity' } as const;

export const readOrigins = async (
  { query }: Query,
  assets: readonly number[],
): Promise<ReadonlyMap<number, SeriesOrigin>> => {
  const rows = await query<OriginRow>(
    'select id, price_source as source, price_interval as interval from asset where id = any($1::int[])',
    [arrayLiteral(assets)],
  );
  return new Map(rows.map(({ id, source, interval }) => [id, { source, interval }]));
};

const wanted = 'unnest($1::int[], $2::date[], $3::date[]) as wanted (id, first, last)';
const parametersOf = (ranges: readonly SeriesRange[]): string[] =>
  (['asset', 'first', 'last'] as const).map((name) => arrayLiteral(ranges.map((each) => each[name])));

const readBars = (
  { query }: Query,
  ranges: readonly SeriesRange[],
  turns: Turns,
): Promise<ReadonlyMap<number, PriceBar[]>> =>
  readInPages(
    ranges.map((range) => ({ ...range, series: range.asset })),
    {
      // The lateral join makes sure that only the wanted rows are read, also of series with thousands of rows.
      read: (starts) =>
        query<BarRow>(
          `select stored.* from ${wanted} cross join lateral (
             select ${columns} from price where asset_id = wanted.id and date between first and last
             order by date limit ${rowsPerRead}
           ) as stored`,
          parametersOf(starts),
        ),
      seriesOf: (row) => row.asset_id,
      startAfter: ({ date }, start) => ({ ...start, first: utcDay(new Date(Date.parse(`${date}T00:00:00Z`) + dayMs)) }),
    },
    barOf,
    turns,
  );

/** Reads a range of each series, with the last bar before it. `hasMore`: the series has bars outside of the range. */
export const readStoredRanges = async (
  { query }: Query,
  ranges: readonly SeriesRange[],
  origins: ReadonlyMap<number, SeriesOrigin>,
  turns: Turns,
): Promise<ReadonlyMap<number, StoredSeries & { readonly hasMore: boolean }>> => {
  const bars = await readBars({ query }, ranges, turns);
  const before = await query<BarRow>(
    `select last_bar.* from ${wanted} cross join lateral (
       select ${columns} from price where asset_id = wanted.id and date < first order by date desc limit 1
     ) as last_bar`,
    parametersOf(ranges),
  );
  const after = await query<{ id: number }>(
    `select id from ${wanted} where exists (select 1 from price where asset_id = wanted.id and date > last)`,
    parametersOf(ranges),
  );
  const lastBefore = new Map(before.map((row) => [row.asset_id, barOf(row)]));
  const withAfter = new Set(after.map(({ id }) => id));
  return new Map(
    [...origins].map(([id, origin]) => [
      id,
      {
        origin,
        bars: bars.get(id) ?? [],
        before: lastBefore.get(id),
        hasMore: lastBefore.has(id) || withAfter.has(id),
      },
    ]),
  );
};
