/** A stored close; dates as YYYY-MM-DD. */
export type Close = { readonly date: string; readonly close: number };

/**
 * The stored closes of an asset, oldest first: those of the last `days` before its last one, all when absent; undefined
 * for an unknown symbol.
 */
export type Closes = (symbol: string, days?: number) => Promise<readonly Close[] | undefined>;

const DAYS_PER_YEAR = 365.25;
const DAY_MS = 86_400_000;

export const logReturns = (closes: readonly Close[]): Float64Array => {
  const returns = new Float64Array(Math.max(closes.length - 1, 0));
  for (let i = 0; i < returns.length; i++) returns[i] = Math.log(closes[i + 1]!.close / closes[i]!.close);
  return returns;
};

/** How many of the returns make a year, by the calendar: about 252 for daily closes, 12 for monthly ones. */
export const periodsPerYear = (closes: readonly Close[]): number => {
  const days = (Date.parse(closes.at(-1)!.date) - Date.parse(closes[0]!.date)) / DAY_MS;
  return ((closes.length - 1) * DAYS_PER_YEAR) / days;
};

/** Closes of the window of realised volatility, and how far back it reaches at most. */
const WINDOW = 253;
export const realisedWindowDays = 1826;
const LEAST_RETURNS = 2;

/**
 * Annualised standard deviation of the log returns between the last 253 closes (a year of daily ones, up to five years of
 * rarer ones); undefined for fewer than two returns.
 */
export const realisedVolatility = (closes: readonly Close[]): number | undefined => {
  const window = closes.slice(-WINDOW);
  const returns = logReturns(window);
  if (returns.length < LEAST_RETURNS) return undefined;
  const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const squares = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt((squares / (returns.length - 1)) * periodsPerYear(window));
};
