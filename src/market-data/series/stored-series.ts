import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../providers/provider.ts';
import { arrayLiteral } from '../sql.ts';
import type { SeriesOrigin, StoredSeries } from './series-plan.ts';

type Query = Pick<Reader, 'query'>;

type BarRow = PriceBar & { readonly asset_id: number };
type OriginRow = SeriesOrigin & { readonly id: number };

const columns = 'asset_id, date, open, high, low, close, volume';

const barOf = ({ date, open, high, low, close, volume }: BarRow): PriceBar => ({
  date,
  open,
  high,
  low,
  close,
  volume,
});

const readOrigins = ({ query }: Query, ids: string): Promise<OriginRow[]> =>
  query<OriginRow>(
    'select id, price_source as source, price_interval as interval from asset where id = any($1::int[])',
    [ids],
  );

const seriesOf = (
  origins: readonly OriginRow[],
  rows: readonly BarRow[],
  before: readonly BarRow[],
): Map<number, StoredSeries> => {
  const bars = new Map<number, PriceBar[]>(origins.map(({ id }) => [id, []]));
  for (const row of rows) bars.get(row.asset_id)?.push(barOf(row));
  const lastBefore = new Map(before.map((row) => [row.asset_id, barOf(row)]));
  return new Map(
    origins.map(({ id, source, interval }) => [
      id,
      { origin: { source, interval }, bars: bars.get(id) ?? [], before: lastBefore.get(id) },
    ]),
  );
};

/** The days of a series that are read. */
export type SeriesRange = { readonly asset: number; readonly first: string; readonly last: string };

/** Reads a range of each series, with the last bar before it. `hasMore`: the series has bars outside of the range. */
export const readStoredRanges = async (
  { query }: Query,
  ranges: readonly SeriesRange[],
): Promise<ReadonlyMap<number, StoredSeries & { readonly hasMore: boolean }>> => {
  const wanted = 'unnest($1::int[], $2::date[], $3::date[]) as wanted (id, first, last)';
  const parameters = (['asset', 'first', 'last'] as const).map((name) =>
    arrayLiteral(ranges.map((each) => each[name])),
  );
  const origins = await readOrigins({ query }, parameters[0]!);
  const rows = await query<BarRow>(
    `select ${columns} from ${wanted} join price on asset_id = wanted.id and date between first and last
     order by asset_id, date`,
    parameters,
  );
  const before = await query<BarRow>(
    `select last_bar.* from ${wanted} cross join lateral (
       select ${columns} from price where asset_id = wanted.id and date < first order by date desc limit 1
     ) as last_bar`,
    parameters,
  );
  const after = await query<{ id: number }>(
    `select id from ${wanted} where exists (select 1 from price where asset_id = wanted.id and date > last)`,
    parameters,
  );
  const withAfter = new Set(after.map(({ id }) => id));
  return new Map(
    [...seriesOf(origins, rows, before)].map(([id, series]) => [
      id,
      { ...series, hasMore: series.before !== undefined || withAfter.has(id) },
    ]),
  );
};

/** The first day of a series that is read. */
export type SeriesStart = { readonly asset: number; readonly from: string };

/**
 * Reads each series from its day `from` on, with the last bar before it and its origin. The lateral joins make sure that
 * only the wanted rows are read, also of series with thousands of rows.
 */
export const readStoredSeries = async (
  { query }: Query,
  starts: readonly SeriesStart[],
): Promise<ReadonlyMap<number, StoredSeries>> => {
  const wanted = 'unnest($1::int[], $2::date[]) as wanted (id, first)';
  const ids = arrayLiteral(starts.map(({ asset }) => asset));
  const parameters = [ids, arrayLiteral(starts.map(({ from }) => from))];
  const origins = await readOrigins({ query }, ids);
  const rows = await query<BarRow>(
    `select stored.* from ${wanted} cross join lateral (
       select ${columns} from price where asset_id = wanted.id and date >= first order by date
     ) as stored`,
    parameters,
  );
  const before = await query<BarRow>(
    `select last_bar.* from ${wanted} cross join lateral (
       select ${columns} from price where asset_id = wanted.id and date < first order by date desc limit 1
     ) as last_bar`,
    parameters,
  );
  return seriesOf(origins, rows, before);
};
