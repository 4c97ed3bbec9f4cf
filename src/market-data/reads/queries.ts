import { readInParts } from '#src/kernel/lists/read-in-parts.ts';
import type { Reader, SnapshotReader } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../providers/provider.ts';
import { adjustBars, adjustCloses, type Split } from '../series/adjust-bars.ts';
import { barOf } from '../series/bars.ts';
import type { QuarantinedPrice } from '../series/series-plan.ts';
import { createExplainIndex, type ExplainIndex } from './explain-index.ts';
import type { SharedPlaces } from '#src/kernel/requests/callers/shared-places.ts';
import { refreshColumns, toRefreshRecord } from '../refresh/refresh-records.ts';
import type { RefreshRecord, RefreshRow } from '../refresh/refresh-records.ts';
import { betweenDates } from '../sql.ts';
import type { IndexMethod } from '../indexes/index-methods.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';

/** `first_date` and `last_date` are the dates of the first and last stored price; null if no price is stored. */
type AssetView = {
  readonly symbol: string;
  readonly name: string;
  readonly exchange: string;
  readonly currency: string;
  readonly first_date: string | null;
  readonly last_date: string | null;
};

type IndexView = {
  readonly code: string;
  readonly name: string;
  readonly universe: string;
  readonly method: IndexMethod;
  readonly constituents: readonly string[];
  readonly first_date: string | null;
  readonly last_date: string | null;
};

/**
 * A page of a series. With `descending` the newest rows are first, and `after` is the last date of the page before. With
 * `unadjusted` prices are as they came, else splits are taken into account.
 */
export type SeriesPage = PageRequest & { readonly descending?: boolean; readonly unadjusted?: boolean };

type PriceOfSymbol = PriceBar & { readonly symbol: string };

type Close = Pick<PriceBar, 'date' | 'close'>;

/** `asset_id` is a part of the order of the list, and not of its items. */
export type HeldRow = QuarantinedPrice & { readonly asset_id: number };

export type IndexValueView = { readonly date: string; readonly value: number };

export type MarketDataQueries = {
  /** Sorted by symbol. `from` and `to` select assets with a price between the two dates. */
  readonly assets: (page: PageRequest) => Promise<AssetView[]>;
  readonly asset: (symbol: string) => Promise<AssetView | undefined>;
  /** Undefined for an unknown symbol. */
  readonly prices: (symbol: string, page: SeriesPage) => Promise<PriceBar[] | undefined>;
  /**
   * The newest `limit` closes, oldest first, or those of them from `days` days before the last one on, with splits taken into account.
   * Undefined for an unknown symbol.
   */
  readonly closes: (symbol: string, days: number | null, limit: number) => Promise<readonly Close[] | undefined>;
  /** Bars of several assets, sorted by symbol and date. The key of a page is `SYMBOL DATE`. */
  readonly manyPrices: (symbols: readonly string[], page: Omit<SeriesPage, 'descending'>) => Promise<PriceOfSymbol[]>;
  /** Sorted by code. `from` and `to` select indexes with a value between the two dates. */
  readonly indexes: (page: PageRequest) => Promise<IndexView[]>;
  readonly index: (code: string) => Promise<IndexView | undefined>;
  /** Undefined for an unknown code. */
  readonly indexValues: (code: string, page: SeriesPage) => Promise<IndexValueView[] | undefined>;
  readonly explainIndex: ExplainIndex;
  /** Newest first, because ids are ordered by time. `from` and `to` are UTC days of `started_at`. */
  readonly refreshes: (page: PageRequest) => Promise<RefreshRecord[]>;
  readonly refresh: (id: string) => Promise<RefreshRecord | undefined>;
  /** The bars that a refresh quarantined, by series and date. The key of a page is `ASSET_ID DATE`. */
  readonly quarantined: (refreshId: string, page: PageRequest) => Promise<HeldRow[]>;
};

type Dated<Row extends { readonly date: string }> = Row | (Row & { readonly date: null });
type WithSplits<Row> = Row & { readonly splits: readonly Split[] | null };
type ClosesRow = WithSplits<{ readonly dates: string | null; readonly closes: string | null }>;

const isDated = <Row extends { readonly date: string | null }>(row: Row): row is Row & { readonly date: string } =>
  row.date !== null;

const barOfSymbol = ({ symbol, date, open, high, low, close, volume }: PriceOfSymbol): PriceOfSymbol => ({
  symbol,
  date,
  open,
  high,
  low,
  close,
  volume,
});

/** The bars of one asset in shares of today. The first row has the splits. */
const barsOf = <Row extends PriceBar>(
  rows: readonly WithSplits<Row>[],
  toBar: (row: Row) => Row,
  { unadjusted }: Pick<SeriesPage, 'unadjusted'>,
): Row[] => {
  const splits = rows[0]?.splits;
  const bars = rows.map(toBar);
  return splits && !unadjusted ? adjustBars(bars, splits) : bars;
};

/** Max records of one statement: each has up to 60 entries in lists, 2 KB. The usual page has 101, one more than it shows. */
const maxRefreshRows = 104;

const selectAssets = `
  select symbol, name, exchange, currency, span.first_date, span.last_date from asset
  cross join lateral (
    select min(date) as first_date, max(date) as last_date from price where asset_id = asset.id
  ) span`;

const selectIndexes = `
  select code, name, universe, method, array(
    select asset.symbol from index_constituent join asset on asset.id = asset_id
    where index_id = market_index.id order by asset.symbol
  ) as constituents, span.first_date, span.last_date from market_index
  cross join lateral (
    select min(date) as first_date, max(date) as last_date from index_value where index_id = market_index.id
  ) span`;

// An answer needs one statement, because a refresh can commit between two: bars of one state with splits of another one are
// wrong by the factor of the split (docs/decisions/0310).

const splitsOfAsset = `(
      select json_agg(json_build_object('date', date, 'factor', split_factor) order by date) from corporate_actions
      where asset_id = asset.id and split_factor is not null
    )`;

const ascending = ['date', `date > coalesce($2::date, '-infinity')`] as const;
const descending = ['date desc', `date < coalesce($2::date, 'infinity')`] as const;

/** The first bar has the splits. An asset without bars is one row without a date, an unknown symbol is none. */
const selectPrices = ([order, after]: readonly [string, string]): string => `
    select bar.date, open, high, low, close, volume, case when place = 1 then ${splitsOfAsset} end as splits
    from asset left join lateral (
      select date, open, high, low, close, volume, row_number() over (order by ${order}) as place from price
      where asset_id = asset.id and ${after} and ${betweenDates('date', 3)}
      order by ${order} limit $5
    ) as bar on true
    where symbol = $1 order by bar.${order}`;

/** An index without values is one row without a date, an unknown code is none. */
const selectIndexValues = ([order, after]: readonly [string, string]): string => `
    select point.date, point.value from market_index left join lateral (
      select date, value from index_value
      where index_id = market_index.id and ${after} and ${betweenDates('date', 3)}
      order by ${order} limit $5
    ) as point on true
    where code = $1 order by point.${order}`;

/** Every read statement, with bound parameters. The object is exported because a test examines the query plans. */
export const statements = {
  assets: `${selectAssets}
    where ($1::text is null or symbol > $1) and (($2::date is null and $3::date is null) or exists (
      select 1 from price where asset_id = asset.id and ${betweenDates('price.date', 2)}
    ))
    order by symbol limit $4`,
  asset: `${selectAssets} where symbol = $1`,
  prices: selectPrices(ascending),
  pricesDescending: selectPrices(descending),
  /** Two JSON arrays, because the driver parses 10,000 rows in one turn of the event loop (docs/decisions/0244). */
  closes: `
    select dates, closes, ${splitsOfAsset} as splits from asset cross join lateral (
      select json_agg(date order by date)::text as dates, json_agg(close order by date)::text as closes from (
        select date, close from price where asset_id = asset.id and date >= coalesce((
          select max(date) from price where asset_id = asset.id
        ) - $2::int, '-infinity') order by date desc limit $3
      ) as bars
    ) as arrays where symbol = $1`,
  /** The first bar of each symbol has its splits. */
  manyPrices: `
    select symbol, bar.date, open, high, low, close, volume, case when place = 1 then splits end as splits from (
      select id, symbol, case when symbol = split_part($2, ' ', 1) then split_part($2, ' ', 2)::date end as after
      from asset where symbol = any($1::text[]) and ($2::text is null or symbol >= split_part($2, ' ', 1))
    ) as asset cross join lateral (
      select date, open, high, low, close, volume, row_number() over (order by date) as place from price
      where asset_id = asset.id and date > coalesce(after, '-infinity') and ${betweenDates('date', 3)}
      order by date limit $5
    ) as bar left join (
      select asset_id, json_agg(json_build_object('date', date, 'factor', split_factor) order by date) as splits
      from corporate_actions
      where asset_id = any(array(select id from asset where symbol = any($1::text[]))) and split_factor is not null
      group by asset_id
    ) as action on action.asset_id = asset.id
    order by symbol, bar.date limit $5`,
  indexes: `${selectIndexes}
    where ($1::text is null or code > $1) and (($2::date is null and $3::date is null) or exists (
      select 1 from index_value where index_id = market_index.id and ${betweenDates('index_value.date', 2)}
    ))
    order by code limit $4`,
  index: `${selectIndexes} where code = $1`,
  indexValues: selectIndexValues(ascending),
  indexValuesDescending: selectIndexValues(descending),
  refreshes: `
    select ${refreshColumns} from refresh
    where id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      and started_at >= coalesce($2::date, '-infinity')::timestamp at time zone 'UTC'
      and started_at < coalesce($3::date + 1, 'infinity')::timestamp at time zone 'UTC'
    order by refresh.id desc limit $4`,
  refresh: `select ${refreshColumns} from refresh where id = $1`,
  /** In the order of the primary key, because a sort by symbol would read all bars of the refresh for each page. */
  quarantined: `
    select asset_id, symbol, held.date, price, reference, reason from (
      select * from price_quarantine where refresh_id = $1
        and (asset_id, date) > (coalesce(split_part($2, ' ', 1)::int, 0), coalesce(split_part($2, ' ', 2)::date, '-infinity'))
        and ${betweenDates('date', 3)}
      order by asset_id, date limit $5
    ) as held join asset on asset.id = asset_id
    order by asset_id, held.date`,
};

export type MarketDataQueriesDeps = {
  /** May read from a replica. */
  readonly reader: SnapshotReader;
  /** Reads refresh records from the primary, because a caller must find a new record immediately on every instance. */
  readonly primary: Reader;
  /** One for the process, because all explanations share its event loop. */
  readonly explanationPlaces: SharedPlaces;
};

/** Read side of the market data. Never writes. */
export const createMarketDataQueries = ({
  reader,
  primary,
  explanationPlaces,
}: MarketDataQueriesDeps): MarketDataQueries => {
  const { query } = reader;
  const pageOf = ({ after, from, to, limit }: PageRequest) => [after, from, to, limit] as const;

  return {
    assets: (page) => query<AssetView>(statements.assets, pageOf(page)),
    asset: async (symbol) => (await query<AssetView>(statements.asset, [symbol]))[0],
    prices: async (symbol, page) => {
      const statement = page.descending ? statements.pricesDescending : statements.prices;
      const rows = await query<WithSplits<Dated<PriceBar>>>(statement, [symbol, ...pageOf(page)]);
      return rows.length === 0 ? undefined : barsOf(rows.filter(isDated), barOf, page);
    },
    closes: async (symbol, days, limit) => {
      const [row] = await query<ClosesRow>(statements.closes, [symbol, days, limit]);
      if (!row) return undefined;
      const values = JSON.parse(row.closes ?? '[]') as number[];
      const dates = JSON.parse(row.dates ?? '[]') as string[];
      const closes = dates.map((date, index) => ({ date, close: values[index]! }));
      return adjustCloses(closes, row.splits ?? []);
    },
    manyPrices: async (symbols, page) => {
      const rows = await query<WithSplits<PriceOfSymbol>>(statements.manyPrices, [symbols, ...pageOf(page)]);
      return [...Map.groupBy(rows, ({ symbol }) => symbol).values()].flatMap((bars) => barsOf(bars, barOfSymbol, page));
    },
    indexes: (page) => query<IndexView>(statements.indexes, pageOf(page)),
    index: async (code) => (await query<IndexView>(statements.index, [code]))[0],
    indexValues: async (code, page) => {
      const statement = page.descending ? statements.indexValuesDescending : statements.indexValues;
      const rows = await query<Dated<IndexValueView>>(statement, [code, ...pageOf(page)]);
      return rows.length === 0 ? undefined : rows.filter(isDated);
    },
    explainIndex: createExplainIndex(reader, explanationPlaces),
    refreshes: async ({ after, limit, ...dates }) => {
      return readInParts<RefreshRecord>({ limit, maxRows: maxRefreshRows }, async (part, last) => {
        const page = { ...dates, after: last?.id ?? after, limit: part };
        return (await primary.query<RefreshRow>(statements.refreshes, pageOf(page))).map(toRefreshRecord);
      });
    },
    refresh: async (id) => (await primary.query<RefreshRow>(statements.refresh, [id])).map(toRefreshRecord)[0],
    quarantined: (refreshId, page) => primary.query<HeldRow>(statements.quarantined, [refreshId, ...pageOf(page)]),
  };
};
