import { isCalendarDate } from '#src/kernel/calendar.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { maxBarsOfSeries } from '../series/max-bars.ts';
import { isInNumberRange, maxSplitProduct } from '../series/number-range.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import type { Universe } from '../indexes/universes.ts';
import type { SeriesSource } from './series-sources.ts';

/**
 * One bar. `date` is `YYYY-MM-DD`, the prices are in the currency of the asset, `volume` is in shares. A value is null
 * if the source does not have it.
 */
export type PriceBar = {
  readonly date: string;
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number;
  readonly volume: number | null;
  /** Shares after a split of this day for one share before it. Absent: the source does not tell splits and dividends. */
  readonly splitFactor?: number | null;
  /** Cash for one share whose ex-date is this day. A provider that tells splits tells dividends too. */
  readonly dividend?: number | null;
};

export const refreshSources = ['provider', 'cache', 'last_known_good', 'upload'] as const;
export type RefreshSource = (typeof refreshSources)[number];

export type FetchedSeries = {
  readonly symbol: string;
  readonly prices: readonly PriceBar[];
  /** The answer has the bars from this day on. Absent: from the first day of the universe. */
  readonly since?: string;
};
/** True if the source tells splits and dividends. The bars then have prices as they were traded. */
export const tellsActions = ({ prices }: FetchedSeries): boolean => prices[0]?.splitFactor !== undefined;

export type FetchedUniverse = { readonly source: RefreshSource; readonly series: readonly FetchedSeries[] };

type FetchOptions = {
  /** True if data of an earlier fetch may be used when the provider fails. It is false for refreshes on request. */
  readonly fallback: boolean;
  /**
   * First wanted day by symbol. The other series are wanted from the first day of the universe. A provider that cannot
   * limit its answer ignores it.
   */
  readonly since?: ReadonlyMap<string, string>;
  /** True if the universe has only some of its assets. Default: false. */
  readonly isPart?: boolean;
  /** Max milliseconds to wait for request credits. Default: the timeout of the provider. */
  readonly maxWaitMs?: number;
};

/** Source of prices. `fetch` must not be called inside a database transaction. */
export type MarketDataProvider = {
  /** Recorded for each series, because prices of different sources must not be mixed in one series. */
  readonly source: SeriesSource;
  /** Max assets of one call. It limits the memory, because the parts of a larger universe are stored one by one. Default: no limit. */
  readonly maxAssetsPerFetch?: number;
  /**
   * It must bound the time of each of its requests.
   * @throws AppError `external_api_bad_response`, `external_api_unavailable`, `external_api_timeout`
   */
  readonly fetch: (universe: Universe, signal: AbortSignal, options: FetchOptions) => Promise<FetchedUniverse>;
};

const barsOfStep = 1_000;
const isInRangeOrAbsent = (value: number | null): boolean => value === null || isInNumberRange(value);
/** Far outside of what shares have had. */
const maxSplitFactor = 1e6;
const isSplitFactor = (value: number): boolean => value >= 1 / maxSplitFactor && value <= maxSplitFactor;
/** Max splits of one answer for a symbol: more than any share has had. Each read adjusts its prices by all later splits. */
const maxSplits = 1_000;
/** Whether the splits after a day multiply its shares, or divide them, by more than the max factor. */
const hasAbsurdSplits = (prices: readonly PriceBar[]): boolean => {
  let product = 1;
  return prices.toReversed().some(({ splitFactor }) => {
    product *= splitFactor ?? 1;
    return !(product <= maxSplitProduct && product >= 1 / maxSplitProduct);
  });
};
const isVolume = (value: number | null): boolean => value === null || value === 0 || isInNumberRange(value);

const faultOf = (
  bar: PriceBar,
  previous: string | undefined,
  isDate: (text: string) => boolean,
): string | undefined => {
  if (!isDate(bar.date)) return 'a date that does not exist';
  if (previous !== undefined && bar.date <= previous) return 'dates that are not strictly ascending';
  if (!isInNumberRange(bar.close)) return 'a close that is not in the range of prices';
  if (![bar.open, bar.high, bar.low].every(isInRangeOrAbsent)) return 'a price that is not in the range of prices';
  if (!isVolume(bar.volume)) return 'a volume that is not in its range';
  if (!isInRangeOrAbsent(bar.dividend ?? null)) return 'a dividend that is not in the range of prices';
  if (!isSplitFactor(bar.splitFactor ?? 1)) return 'a split with a factor that no share has had';
  return undefined;
};

/** Remembers the dates that exist, because the series of a universe have the same days. */
const createDateCheck = (): ((text: string) => boolean) => {
  const known = new Set<string>();
  return (text) => {
    if (known.has(text)) return true;
    const exists = isCalendarDate(text);
    if (exists) known.add(text);
    return exists;
  };
};

/**
 * Validates the data of a provider before it is written to the database. Each asset of the universe must occur exactly
 * once, and no other asset. Each asset must have at least one bar, except in an answer that is limited by `since`, and at most `maxBarsOfSeries`. The
 * dates must exist, must be strictly ascending, and must not be before `since`. The numbers must be finite.
 * @throws AppError `external_api_bad_response`
 */
export const assertFetched = async (
  universe: Universe,
  fetched: FetchedUniverse,
  signal?: AbortSignal,
): Promise<void> => {
  const turns = createTurns({ signal });
  const isDate = createDateCheck();
  const expected = new Set(universe.assets.map(({ symbol }) => symbol));
  for (const { symbol, prices, since } of fetched.series) {
    const refuse = (problem: string): never => {
      throw new AppError('external_api_bad_response', `The market data provider answered with ${problem}`);
    };
    if (!expected.delete(symbol)) refuse('a symbol that was not requested, or with a symbol twice');
    if (prices.length > maxBarsOfSeries) refuse(`more than ${maxBarsOfSeries} bars for ${symbol}`);
    if (prices.length === 0 && since === undefined) refuse(`no prices for ${symbol}`);
    const [first] = prices;
    if (first && since !== undefined && first.date < since) refuse(`a day before the requested days for ${symbol}`);
    let previous: string | undefined;
    for (const [index, bar] of prices.entries()) {
      if (index % barsOfStep === 0) await turns.give();
      const fault = faultOf(bar, previous, isDate);
      if (fault !== undefined) refuse(`${fault} for ${symbol}`);
      previous = bar.date;
    }
    const splits = prices.reduce((count, { splitFactor }) => count + Number((splitFactor ?? 1) !== 1), 0);
    if (splits > maxSplits) refuse(`more than ${maxSplits} splits for ${symbol}`);
    if (hasAbsurdSplits(prices)) refuse(`splits that no share has had for ${symbol}`);
  }
  const [missing] = expected;
  if (missing !== undefined) {
    throw new AppError('external_api_bad_response', `The market data provider answered without ${missing}`);
  }
};
