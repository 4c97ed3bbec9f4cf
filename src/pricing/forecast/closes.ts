import { dayMs } from '#src/kernel/calendar.ts';

/** A stored close. The date is `YYYY-MM-DD`. */
export type Close = { readonly date: string; readonly close: number };

/**
 * Reads the stored closes of an asset, oldest first. With `days` only the closes of the last `days` calendar days
 * before the newest close are read. The result is undefined for an unknown symbol.
 */
export type Closes = (symbol: string, days?: number) => Promise<readonly Close[] | undefined>;

export const DAYS_PER_YEAR = 365.25;

/** Logarithmic returns between consecutive closes: one fewer than there are closes. */
export const logReturns = (closes: readonly Close[]): Float64Array => {
  const returns = new Float64Array(Math.max(closes.length - 1, 0));
  for (let i = 0; i < returns.length; i++) returns[i] = Math.log(closes[i + 1]!.close / closes[i]!.close);
  return returns;
};

/** Number of returns in a calendar year: about 252 for daily closes, 12 for monthly closes. */
export const periodsPerYear = (closes: readonly Close[]): number => {
  const days = (Date.parse(closes.at(-1)!.date) - Date.parse(closes[0]!.date)) / dayMs;
  return ((closes.length - 1) * DAYS_PER_YEAR) / days;
};

/** Returns that differ by less are the same: the difference comes from rounding. */
const minSpread = 1e-10;

/** True if the returns have a variance. The closes of a halted or pegged asset have none. */
export const haveVariance = (returns: Float64Array): boolean => {
  let [min, max] = [Infinity, -Infinity];
  for (const value of returns) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return max - min > minSpread;
};

/** The window of the realised volatility: max number of closes, and max calendar days before the newest close. */
const MAX_CLOSES = 253;
export const realisedWindowDays = 1826;
const MIN_RETURNS = 2;

/**
 * Annualised standard deviation of the log returns between the last 253 closes. These are the closes of one year for
 * daily closes, and of a longer time for others. Undefined for fewer than two returns.
 */
export const realisedVolatility = (closes: readonly Close[]): number | undefined => {
  const window = closes.slice(-MAX_CLOSES);
  const returns = logReturns(window);
  if (returns.length < MIN_RETURNS) return undefined;
  const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const squares = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt((squares / (returns.length - 1)) * periodsPerYear(window));
};
