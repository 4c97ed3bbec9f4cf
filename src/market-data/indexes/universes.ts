import { seriesSources } from '../providers/series-sources.ts';
import { firstDayOfPeriod, type Interval } from '../series/periods.ts';
import type { IndexMethod, Rebalance, ReturnType } from './index-methods.ts';

type AssetDefinition = {
  readonly symbol: string;
  readonly name: string;
  readonly exchange: string;
  readonly currency: string;
  /** Symbol at the provider of the universe, if it differs. The bundled universes have the symbols of Twelve Data. */
  readonly providerSymbol?: string;
};

/** What the definition says about one constituent. */
export type ConstituentTerms = {
  /** Only for `fixed_weights`: its part of the index after a rebalancing. */
  readonly weight?: number | undefined;
  /** First and last day of the membership, as `YYYY-MM-DD`. Without them it has no start or no end. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

export type IndexDefinition = {
  readonly code: string;
  readonly name: string;
  readonly method: IndexMethod;
  /** Symbols of the universe's assets; exactly one for `rebased`. */
  readonly constituents: readonly string[];
  /** Terms by symbol, for constituents that have some. */
  readonly terms?: ReadonlyMap<string, ConstituentTerms> | undefined;
  /** The value on the first date. Default: 1000. */
  readonly baseValue?: number | undefined;
  /** Bars before this day do not count, because another universe can have an older history. Default: all bars count. */
  readonly pricesFrom?: string | undefined;
  /** The index begins at the first bar on or after this day. Default: the first bar. */
  readonly baseDate?: string | undefined;
  /** Default: `price`. */
  readonly returnType?: ReturnType | undefined;
  /** Default: the first one that the method allows. */
  readonly rebalance?: Rebalance | undefined;
};

/** `provider`: the provider of MARKET_DATA_PROVIDER. */
export const universeSources = ['provider', ...seriesSources] as const;
export type UniverseSource = (typeof universeSources)[number];

/** `api`: made by a request. `file`: from UNIVERSES_FILE. `bundled`: made at the first start. */
export const universeOrigins = ['api', 'file', 'bundled'] as const;
export type UniverseOrigin = (typeof universeOrigins)[number];

/** A definition that does not say where its prices begin has this day, which bounds nothing. */
export const defaultFrom = '1970-01-01';

/** The first day of the bars of a universe; undefined if it does not say one. */
export const firstBarDay = ({ from, interval }: Pick<Universe, 'from' | 'interval'>): string | undefined =>
  from === defaultFrom ? undefined : firstDayOfPeriod(from, interval);

/** What a refresh needs to know of a universe. */
export type Universe = {
  readonly name: string;
  /** Absent if the universe is not stored. */
  readonly version?: number;
  /** Default: `provider`. */
  readonly source?: UniverseSource;
  readonly interval: Interval;
  /** First day of the requested prices, as `YYYY-MM-DD`. */
  readonly from: string;
  readonly assets: readonly AssetDefinition[];
  readonly indexes: readonly IndexDefinition[];
};

const nasdaq = (symbol: string, name: string): AssetDefinition => ({
  symbol,
  name,
  exchange: 'NASDAQ',
  currency: 'USD',
});
const tech5Symbols = ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'];

/** Universes that exist from the first start on. */
export const bundledUniverses: readonly Universe[] = [
  {
    name: 'tech5',
    interval: '1month',
    from: '2000-01-01',
    assets: [
      nasdaq('MSFT', 'Microsoft'),
      nasdaq('AMZN', 'Amazon.com'),
      { symbol: 'IBM', name: 'International Business Machines', exchange: 'NYSE', currency: 'USD' },
      nasdaq('AAPL', 'Apple'),
      nasdaq('GOOG', 'Google'),
    ],
    indexes: [
      { code: 'TECH5_EW', name: 'Tech 5 equal-weighted', method: 'equal_weighted', constituents: tech5Symbols },
      { code: 'TECH5_PW', name: 'Tech 5 price-weighted', method: 'price_weighted', constituents: tech5Symbols },
    ],
  },
  {
    name: 'sp500',
    interval: '1day',
    from: '2000-01-01',
    assets: [{ symbol: '^GSPC', name: 'S&P 500', exchange: 'SNP', currency: 'USD', providerSymbol: 'SPX' }],
    indexes: [{ code: 'SP500', name: 'S&P 500 rebased to 1000', method: 'rebased', constituents: ['^GSPC'] }],
  },
];
