import { AppError } from '#src/kernel/errors.ts';
import type { Universe } from './universes.ts';

/** One bar: `date` is `YYYY-MM-DD`, prices in the asset's currency, `volume` in shares; null where the source has no such column. */
export type PriceBar = {
  readonly date: string;
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number;
  readonly volume: number | null;
};

export const refreshSources = ['provider', 'cache', 'last_known_good'] as const;
export type RefreshSource = (typeof refreshSources)[number];

export type FetchedSeries = { readonly symbol: string; readonly prices: readonly PriceBar[] };
export type FetchedUniverse = { readonly source: RefreshSource; readonly series: readonly FetchedSeries[] };

type FetchOptions = {
  /** Whether what was fetched earlier may stand in when the provider fails: never for a refresh that was asked for. */
  readonly fallback: boolean;
};

/** Where prices come from. Fetching is never done inside a database transaction. */
export type MarketDataProvider = {
  /** @throws AppError `external_api_bad_response`, `external_api_unavailable`, `external_api_timeout` */
  readonly fetch: (universe: Universe, signal: AbortSignal, options: FetchOptions) => Promise<FetchedUniverse>;
};

const largestNumber = 1e15;
const isPositive = (value: number): boolean => value > 0 && value <= largestNumber;
const isPositiveOrAbsent = (value: number | null): boolean => value === null || isPositive(value);
const isVolume = (value: number | null): boolean => value === null || (value >= 0 && value <= largestNumber);

const calendarDate = /^[1-9]\d{3}-\d{2}-\d{2}$/;

/** True for a day that exists, written `YYYY-MM-DD`, from the year 1000 on. */
export const isCalendarDate = (text: string): boolean => {
  if (!calendarDate.test(text)) return false;
  const instant = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(text);
};

const faultOf = (bar: PriceBar, previous: string | undefined): string | undefined => {
  if (!isCalendarDate(bar.date)) return 'a date that does not exist';
  if (previous !== undefined && bar.date <= previous) return 'dates that are not strictly ascending';
  if (!isPositive(bar.close)) return 'a close that is not a positive number';
  if (![bar.open, bar.high, bar.low].every(isPositiveOrAbsent)) return 'a price that is not a positive number';
  if (!isVolume(bar.volume)) return 'a volume that is not a number from 0';
  return undefined;
};

/**
 * Guards the database against any provider: every asset of the universe exactly once and nothing else, at least one
 * bar each, dates real and strictly ascending, numbers finite.
 * @throws AppError `external_api_bad_response`
 */
export const assertFetched = (universe: Universe, fetched: FetchedUniverse): void => {
  const expected = new Set(universe.assets.map(({ symbol }) => symbol));
  for (const { symbol, prices } of fetched.series) {
    const refuse = (what: string): never => {
      throw new AppError('external_api_bad_response', `The market data provider answered with ${what}`);
    };
    if (!expected.delete(symbol)) refuse('a symbol that was not asked for, or the same one twice');
    if (prices.length === 0) refuse(`no prices for ${symbol}`);
    let previous: string | undefined;
    for (const bar of prices) {
      const fault = faultOf(bar, previous);
      if (fault !== undefined) refuse(`${fault} for ${symbol}`);
      previous = bar.date;
    }
  }
  const [missing] = expected;
  if (missing !== undefined) {
    throw new AppError('external_api_bad_response', `The market data provider answered without ${missing}`);
  }
};
