import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../providers/provider.ts';
import type { QuarantinedPrice } from '../series/series-plan.ts';
import { refreshColumns, toRefreshRecord } from '../refresh/refresh-records.ts';
import type { RefreshRecord, RefreshRow } from '../refresh/refresh-records.ts';
import { betweenDates } from '../sql.ts';
import type { IndexMethod } from '../indexes/universes.ts';
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

/** A page of a series. With `descending` the newest rows are first, and `after` is the last date of the page before. */
export type SeriesPage = PageRequest & { readonly descending?: boolean };

type PriceOfSymbol = PriceBar & { readonly symbol: string };

export type IndexValueView = { readonly date: string; readonly value: number };

export type MarketDataQueries = {
  /** Sorted by symbol. `from` and `to` select assets with a price between the two dates. */
  readonly assets: (page: PageRequest) => Promise<AssetView[]>;
  readonly asset: (symbol: string) => Promise<AssetView | undefined>;
  /** Undefined for an unknown symbol. */
  readonly prices: (symbol: string, page: SeriesPage) => Promise<PriceBar[] | undefined>;
  /** Bars of several assets, sorted by symbol and date. The key of a page is `SYMBOL DATE`. */
  readonly manyPrices: (symbols: readonly string[], page: PageRequest) => Promise<PriceOfSymbol[]>;
  /** Sorted by code. `from` and `to` select indexes with a value between the two dates. */
  readonly indexes: (page: PageRequest) => Promise<IndexView[]>;
  readonly index: (code: string) => Promise<IndexView | undefined>;
  /** Undefined for an unknown code. */
  readonly indexValues: (code: string, page: SeriesPage) => Promise<IndexValueView[] | undefined>;
  /** Newest first, because ids are ordered by time. `from` and `to` are UTC days of `started_at`. */
  readonly refreshes: (page: PageRequest) => Promise<RefreshRecord[]>;
  readonly refresh: (id: string) => Promise<RefreshRecord | undefined>;
  /** The bars that a refresh quarantined, sorted by symbol and date. The key of a page is `SYMBOL DATE`. */
  readonly quarantined: (refreshId: string, page: PageRequest) => Promise<QuarantinedPrice[]>;
};

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
  assetId: 'select id from asset where symbol = $1',
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
};

/** Read side of the market data. Never writes. */
export const createMarketDataQueries = ({ reader: { query }, primary }: MarketDataQueriesDeps): MarketDataQueries => {
  const idOf = async (statement: string, name: string): Promise<number | undefined> =>
    (await query<{ id: number }>(statement, [name]))[0]?.id;
  const pageOf = ({ after, from, to, limit }: PageRequest) => [after, from, to, limit] as const;

  return {
    assets: (page) => query<AssetView>(statements.assets, pageOf(page)),
    asset: async (symbol) => (await query<AssetView>(statements.asset, [symbol]))[0],
    prices: async (symbol, page) => {
      const id = await idOf(statements.assetId, symbol);
      const statement = page.descending ? statements.pricesDescending : statements.prices;
      return id === undefined ? undefined : query<PriceBar>(statement, [id, ...pageOf(page)]);
    },
    manyPrices: (symbols, page) => query<PriceOfSymbol>(statements.manyPrices, [symbols, ...pageOf(page)]),
    indexes: (page) => query<IndexView>(statements.indexes, pageOf(page)),
    index: async (code) => (await query<IndexView>(statements.index, [code]))[0],
    indexValues: async (code, page) => {
      const id = await idOf(statements.indexId, code);
      const statement = page.descending ? statements.indexValuesDescending : statements.indexValues;
      return id === undefined ? undefined : query<IndexValueView>(statement, [id, ...pageOf(page)]);
    },
    refreshes: async (page) =>
      (await primary.query<RefreshRow>(statements.refreshes, pageOf(page))).map(toRefreshRecord),
    refresh: async (id) => (await primary.query<RefreshRow>(statements.refresh, [id])).map(toRefreshRecord)[0],
    quarantined: (refreshId, page) =>
      primary.query<QuarantinedPrice>(statements.quarantined, [refreshId, ...pageOf(page)]),
  };
};
