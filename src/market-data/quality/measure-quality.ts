import { dayMs } from '#src/kernel/calendar.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { maxBarsOfSeries } from '../series/max-bars.ts';
import { firstDayOfPeriod, type Interval } from '../series/periods.ts';
import { batchesOf } from '../series/stored/batches.ts';
import { arrayLiteral } from '../sql.ts';

/** A bar that the exchange's calendar has and the series lacks. `date` is the first day of its period. */
export type MissingBar = { readonly symbol: string; readonly date: string };

/** How complete the prices of a universe are. */
export type Measured = {
  readonly fresh: number;
  readonly stale: number;
  /** Assets without a bar. */
  readonly missing: number;
  /** Bars that are missing between the first and the last bar of their asset, in the last `recentDays` days. */
  readonly missing_recent: number;
  /** The same, before. */
  readonly missing_older: number;
  /** Assets that lack such bars. */
  readonly missing_assets: number;
  readonly newest_missing: readonly MissingBar[];
};

export type MeasureRequest = {
  readonly universe: string;
  readonly interval: Interval;
  /** First days of the periods that have a trading day, ascending. Undefined: missing bars are not counted. */
  readonly periods: readonly string[] | undefined;
  /** Bars of this day are expected. Undefined: an asset is fresh if it has a bar of the newest period of the universe. */
  readonly expectedDay: string | undefined;
  /** Missing bars count as recent from this day on. */
  readonly recentFrom: string;
  readonly signal: AbortSignal;
};

const assetsAtOnce = 200;
/** One statement reads at most so many bars, which takes about half a second. 200 assets can have 10 million, which no statement reads in its timeout. */
const barsAtOnce = 1_000_000;
const maxListed = 20;

const units: Readonly<Record<Interval, string>> = { '1day': 'day', '1week': 'week', '1month': 'month' };
/** SQL of the first day of the period of a bar. */
const periodOf = (interval: Interval): string =>
  interval === '1day' ? 'price.date' : `date_trunc('${units[interval]}', price.date::timestamp)::date`;

type Span = { readonly symbol: string; readonly first: string | null; readonly last: string | null };
type Counted = {
  readonly symbol: string;
  readonly first: string;
  readonly last: string;
  readonly bars: number;
  readonly recent_bars: number;
};

/** Number of elements of an ascending list that are at or after `from` and at or before `to`. */
const countBetween = (sorted: readonly string[], from: string, to: string): number => {
  const below = (limit: string, inclusive: boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]! < limit || (inclusive && sorted[middle] === limit)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return Math.max(0, below(to, true) - below(from, false));
};

const later = (one: string, other: string): string => (one > other ? one : other);

/** The days between the first and the last bar bound the bars of a series, so nothing is read for it. */
const maxBarsOf = ({ first, last }: Span): number =>
  first === null || last === null ? 0 : Math.min(maxBarsOfSeries, (Date.parse(last) - Date.parse(first)) / dayMs + 1);

/** Reads how complete the prices of a universe are, some assets at a time. */
export const createMeasurement = ({ query }: Reader) => {
  /** First and last bar of the next assets. Both come from the primary key of `price`. */
  const spansAfter = (universe: string, symbol: string): Promise<Span[]> =>
    query<Span>(
      `select symbol, first, last from (
         select symbol from universe_asset where universe = $1 and symbol > $2 order by symbol limit $3
       ) as chosen left join asset using (symbol) left join lateral (
         select min(date) as first, max(date) as last from price where asset_id = asset.id
       ) as dates on true order by symbol`,
      [universe, symbol, assetsAtOnce],
    );

  /** Numbers of bars in periods that have a trading day. Bars of other days must not make up for missing ones. */
  const countBars = async (
    spans: readonly Span[],
    { interval, periods, recentFrom }: MeasureRequest,
  ): Promise<Counted[]> => {
    const rows = await query<Pick<Counted, 'symbol' | 'bars' | 'recent_bars'>>(
      `select symbol, count(*)::int as bars, count(*) filter (where period.day >= $3::date)::int as recent_bars
       from asset join price on asset_id = asset.id
       join unnest($2::date[]) as period (day) on period.day = ${periodOf(interval)}
       where symbol = any($1::text[]) group by symbol`,
      [spans.map(({ symbol }) => symbol), arrayLiteral(periods ?? []), recentFrom],
    );
    const bars = new Map(rows.map((row) => [row.symbol, row]));
    return spans.flatMap(({ symbol, first, last }) =>
      first === null || last === null ? [] : [{ bars: 0, recent_bars: 0, ...bars.get(symbol), symbol, first, last }],
    );
  };

  const countAll = async (spans: readonly Span[], request: MeasureRequest): Promise<Counted[]> => {
    const counted: Counted[] = [];
    for await (const batch of batchesOf(spans, maxBarsOf, barsAtOnce)) {
      request.signal.throwIfAborted();
      counted.push(...(await countBars(batch, request)));
    }
    return counted;
  };

  /** The newest missing bars of those assets. */
  const listMissing = (
    counted: readonly Counted[],
    { interval, periods = [] }: MeasureRequest,
  ): Promise<MissingBar[]> => {
    const first = counted.reduce((least, each) => (each.first < least ? each.first : least), '9999-12-31');
    return query<MissingBar>(
      `select symbol, day as date from asset cross join unnest($2::date[]) as period (day)
       where symbol = any($1::text[])
         and day > (select ${periodOf(interval)} from price where asset_id = asset.id order by date limit 1)
         and day < (select ${periodOf(interval)} from price where asset_id = asset.id order by date desc limit 1)
         and not exists (
           select 1 from price where asset_id = asset.id and date >= day and date < day + interval '1 ${units[interval]}'
         )
       order by day desc, symbol limit ${maxListed}`,
      [
        counted.map(({ symbol }) => symbol),
        arrayLiteral(periods.filter((day) => day >= firstDayOfPeriod(first, interval))),
      ],
    );
  };

  const missingOf = (
    { first, last, bars, recent_bars: recentBars }: Counted,
    { interval, periods = [], recentFrom }: MeasureRequest,
  ): { readonly recent: number; readonly older: number } => {
    const [from, to] = [firstDayOfPeriod(first, interval), firstDayOfPeriod(last, interval)];
    // A refresh may commit between the statements. The result then counts as outdated, and QUALITY_SCHEDULE repeats it.
    const all = Math.max(0, countBetween(periods, from, to) - bars);
    const recent = Math.max(0, countBetween(periods, later(from, recentFrom), to) - recentBars);
    return { recent, older: Math.max(0, all - recent) };
  };

  return async (request: MeasureRequest): Promise<Measured> => {
    const { universe, interval, periods, expectedDay, signal } = request;
    const lasts: (string | null)[] = [];
    let [recent, older, assets] = [0, 0, 0];
    let newest: MissingBar[] = [];
    for (let after = ''; ;) {
      signal.throwIfAborted();
      const spans = await spansAfter(universe, after);
      if (spans.length === 0) break;
      after = spans.at(-1)!.symbol;
      lasts.push(...spans.map(({ last }) => last && firstDayOfPeriod(last, interval)));
      if (!periods) continue;
      const counted = (await countAll(spans, request)).map((row) => ({ row, missing: missingOf(row, request) }));
      const incomplete = counted.filter(({ missing }) => missing.recent + missing.older > 0);
      recent += incomplete.reduce((sum, { missing }) => sum + missing.recent, 0);
      older += incomplete.reduce((sum, { missing }) => sum + missing.older, 0);
      assets += incomplete.length;
      if (incomplete.length === 0) continue;
      // Those with recent ones first, because the list has the newest bars.
      incomplete.sort((one, other) => other.missing.recent - one.missing.recent);
      const listed = await listMissing(
        incomplete.slice(0, maxListed).map(({ row }) => row),
        request,
      );
      newest = [...newest, ...listed].sort((one, other) => (one.date < other.date ? 1 : -1)).slice(0, maxListed);
    }
    const known = lasts.filter((last) => last !== null);
    const reference = expectedDay === undefined ? known.reduce(later, '') : firstDayOfPeriod(expectedDay, interval);
    const fresh = known.filter((last) => last >= reference).length;
    return {
      fresh,
      stale: known.length - fresh,
      missing: lasts.length - known.length,
      missing_recent: recent,
      missing_older: older,
      missing_assets: assets,
      newest_missing: newest,
    };
  };
};
