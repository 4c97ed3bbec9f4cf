import { readInParts } from '#src/kernel/lists/read-in-parts.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../providers/provider.ts';
import { adjustBars, adjustCloses, type Split } from '../series/adjust-bars.ts';
import type { QuarantinedPrice } from '../series/series-plan.ts';
import { createExplainIndex, type ExplainIndex } from './explain-index.ts';
import type { ExplanationPlaces } from './explanation-places.ts';
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

/** Two JSON arrays, because the driver parses 10,000 rows in one turn of the event loop (docs/decisions/0244). */
const selectCloses = `
  select json_agg(date order by date)::text as dates, json_agg(close order by date)::text as closes from (
    select date, close from price where asset_id = $1 and date >= coalesce($2::date, '-infinity') order by date limit $3
  ) as bars`;

export type IndexValueView = { readonly date: string; readonly value: number };

export type MarketDataQueries = {
  /** Sorted by symbol. `from` and `to` select assets with a price between the two dates. */
  readonly assets: (page: PageRequest) => Promise<AssetView[]>;
  readonly asset: (symbol: string) => Promise<AssetView | undefined>;
  /** Undefined for an unknown symbol. */
  readonly prices: (symbol: string, page: SeriesPage) => Promise<PriceBar[] | undefined>;
  /** The first closes from a day on, with splits taken into account. Undefined for an unknown symbol. */
  readonly closes: (symbol: string, from: string | null, limit: number) => Promise<readonly Close[] | undefined>;
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
  /** The bars that a refresh quarantined, sorted by symbol and date. The key of a page is `SYMBOL DATE`. */
  readonly quarantined: (refreshId: string, page: PageRequest) => Promise<QuarantinedPrice[]>;
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

/** Every read statement, with bound parameters. The object is exported because a test examines the query plans. */
export const statements = {
  assets: `${selectAssets}
    where ($1::text is null or symbol > $1) and (($2::date is null and $3::date is null) or exists (
      select 1 from price where asset_id = asset.id and ${betweenDates('price.date', 2)}
    ))
    order by symbol limit $4`,
  asset: `${selectAssets} where symbol = $1`,
  assetId: `
    select id, (
      select json_agg(json_build_object('date', date, 'factor', split_factor) order by date) from corporate_actions
      where asset_id = asset.id and split_factor is not null
    ) as splits from asset where symbol = $1`,
  prices: `
    select date, open, high, low, close, volume from price
    where asset_id = $1 and date > coalesce($2::date, '-infinity') and ${betweenDates('date', 3)}
    order by date limit $5`,
  pricesDescending: `
    select date, open, high, low, close, volume from price
    where asset_id = $1 and date < coalesce($2::date, 'infinity') and ${betweenDates('date', 3)}
    order by date desc limit $5`,
  manyPrices: `
    select symbol, bar.* from (
      select id, symbol, case when symbol = split_part($2, ' ', 1) then split_part($2, ' ', 2)::date end as after
      from asset where symbol = any($1::text[]) and ($2::text is null or symbol >= split_part($2, ' ', 1))
    ) as wanted cross join lateral (
      select date, open, high, low, close, volume from price
      where asset_id = wanted.id and date > coalesce(after, '-infinity') and ${betweenDates('date', 3)}
      order by date limit $5
    ) as bar
    order by symbol, date limit $5`,
  splits: `
    select symbol, date, split_factor as factor from asset join corporate_actions on asset_id = asset.id
    where symbol = any($1::text[]) and split_factor is not null`,
  indexes: `${selectIndexes}
    where ($1::text is null or code > $1) and (($2::date is null and $3::date is null) or exists (
      select 1 from index_value where index_id = market_index.id and ${betweenDates('index_value.date', 2)}
    ))
    order by code limit $4`,
  index: `${selectIndexes} where code = $1`,
  indexId: 'select id from market_index where code = $1',
  indexValues: `
    select date, value from index_value
    where index_id = $1 and date > coalesce($2::date, '-infinity') and ${betweenDates('date', 3)}
    order by date limit $5`,
  indexValuesDescending: `
    select date, value from index_value
    where index_id = $1 and date < coalesce($2::date, 'infinity') and ${betweenDates('date', 3)}
    order by date desc limit $5`,
  refreshes: `
    select ${refreshColumns} from refresh
    where id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      and started_at >= coalesce($2::date, '-infinity')::timestamp at time zone 'UTC'
      and started_at < coalesce($3::date + 1, 'infinity')::timestamp at time zone 'UTC'
    order by refresh.id desc limit $4`,
  refresh: `select ${refreshColumns} from refresh where id = $1`,
  quarantined: `
    select symbol, date, price, reference, reason from price_quarantine join asset on asset.id = asset_id
    where refresh_id = $1
      and ($2::text is null or (symbol, date) > (split_part($2, ' ', 1), split_part($2, ' ', 2)::date))
      and ${betweenDates('date', 3)}
    order by symbol, date limit $5`,
};

export type MarketDataQueriesDeps = {
  /** May read from a replica. */
  readonly reader: Reader;
  /** Reads refresh records from the primary, because a caller must find a new record immediately on every instance. */
  readonly primary: Reader;
  /** One for the process, because all explanations share its event loop. */
  readonly explanationPlaces: ExplanationPlaces;
};

/** Read side of the market data. Never writes. */
export const createMarketDataQueries = ({
  reader,
  primary,
  explanationPlaces,
}: MarketDataQueriesDeps): MarketDataQueries => {
  const { query } = reader;
  const idOf = async (statement: string, name: string): Promise<number | undefined> =>
    (await query<{ id: number }>(statement, [name]))[0]?.id;
  const pageOf = ({ after, from, to, limit }: PageRequest) => [after, from, to, limit] as const;

  return {
    assets: (page) => query<AssetView>(statements.assets, pageOf(page)),
    asset: async (symbol) => (await query<AssetView>(statements.asset, [symbol]))[0],
    prices: async (symbol, page) => {
      const [asset] = await query<{ id: number; splits: readonly Split[] | null }>(statements.assetId, [symbol]);
      if (!asset) return undefined;
      const statement = page.descending ? statements.pricesDescending : statements.prices;
      const bars = await query<PriceBar>(statement, [asset.id, ...pageOf(page)]);
      return page.unadjusted ? bars : adjustBars(bars, asset.splits ?? []);
    },
    closes: async (symbol, from, limit) => {
      const [asset] = await query<{ id: number; splits: readonly Split[] | null }>(statements.assetId, [symbol]);
      if (!asset) return undefined;
      const [row] = await query<{ dates: string | null; closes: string | null }>(selectCloses, [asset.id, from, limit]);
      const values = JSON.parse(row?.closes ?? '[]') as number[];
      const dates = JSON.parse(row?.dates ?? '[]') as string[];
      const closes = dates.map((date, index) => ({ date, close: values[index]! }));
      return adjustCloses(closes, asset.splits ?? []);
    },
    manyPrices: async (symbols, page) => {
      const bars = await query<PriceOfSymbol>(statements.manyPrices, [symbols, ...pageOf(page)]);
      if (page.unadjusted) return bars;
      const found = [...new Set(bars.map(({ symbol }) => symbol))];
      const rows = await query<Split & { symbol: string }>(statements.splits, [found]);
      const splits = Map.groupBy(rows, ({ symbol }) => symbol);
      return found.flatMap((symbol) =>
        adjustBars(
          bars.filter((bar) => bar.symbol === symbol),
          splits.get(symbol) ?? [],
        ),
      );
    },
    indexes: (page) => query<IndexView>(statements.indexes, pageOf(page)),
    index: async (code) => (await query<IndexView>(statements.index, [code]))[0],
    indexValues: async (code, page) => {
      const id = await idOf(statements.indexId, code);
      const statement = page.descending ? statements.indexValuesDescending : statements.indexValues;
      return id === undefined ? undefined : query<IndexValueView>(statement, [id, ...pageOf(page)]);
    },
    explainIndex: createExplainIndex(reader, explanationPlaces),
    refreshes: async ({ after, limit, ...dates }) => {
      return readInParts<RefreshRecord>({ limit, maxRows: maxRefreshRows }, async (part, last) => {
        const page = { ...dates, after: last?.id ?? after, limit: part };
        return (await primary.query<RefreshRow>(statements.refreshes, pageOf(page))).map(toRefreshRecord);
      });
    },
    refresh: async (id) => (await primary.query<RefreshRow>(statements.refresh, [id])).map(toRefreshRecord)[0],
    quarantined: (refreshId, page) =>
      primary.query<QuarantinedPrice>(statements.quarantined, [refreshId, ...pageOf(page)]),
  };
};
