import { periodOf, type Interval } from '../series/periods.ts';
import type { PriceBar } from './provider.ts';

type Pick = (a: number, b: number) => number;

const both = (a: number | null, b: number | null, pick: Pick): number | null =>
  a === null || b === null ? (a ?? b) : pick(a, b);
const over = (value: number | null | undefined, factor: number): number | null => (value ? value / factor : null);

/** The bar of a period with one more day. What is known so far is converted to the shares after a split of this day. */
const withDay = (period: PriceBar, day: PriceBar): PriceBar => {
  const factor = day.splitFactor ?? 1;
  const splits = (period.splitFactor ?? 1) * factor;
  return {
    date: day.date,
    open: over(period.open ?? period.close, factor),
    high: both(over(period.high ?? period.close, factor), day.high ?? day.close, Math.max),
    low: both(over(period.low ?? period.close, factor), day.low ?? day.close, Math.min),
    close: day.close,
    volume: both(period.volume === null ? null : period.volume * factor, day.volume, (a, b) => a + b),
    dividend: both(over(period.dividend, factor), day.dividend ?? null, (a, b) => a + b),
    splitFactor: splits === 1 ? null : splits,
  };
};

/**
 * Makes weekly or monthly bars from daily ones, which must be in the order of their dates. A bar has the date of the last day
 * of its period that has a price, and its prices, its volume and its dividends are in shares of that day.
 */
export const foldBars = (bars: readonly PriceBar[], interval: Interval): PriceBar[] => {
  if (interval === '1day') return [...bars];
  const periods = new Map<string, PriceBar>();
  for (const bar of bars) {
    const period = periodOf(bar.date, interval);
    const known = periods.get(period);
    periods.set(period, known ? withDay(known, bar) : bar);
  }
  return [...periods.values()];
};
