import { runAtOnce } from '#src/kernel/streams/turns.ts';
import type { FetchedSeries, PriceBar } from '../providers/provider.ts';
import { moveOf } from './bars.ts';
import { periodOf, type Interval } from './periods.ts';
import { findRestatement } from './restatement.ts';

/** Closes of so many of the newest stored bars may change, because their period had not ended or was just over. */
const openBars = 2;
/** Relative difference that comes from the rounding of the provider. */
const rounding = 1e-9;

/**
 * True if the fetched end of a series continues the stored one. If not, the provider has changed older bars, and an end
 * says nothing about how far back: the whole history is needed. `stored` are the bars from the first wanted day on.
 */
export const fitsEnd = (
  { prices }: Pick<FetchedSeries, 'prices'>,
  stored: readonly Pick<PriceBar, 'date' | 'close'>[],
  interval: Interval,
): boolean => {
  const fetched = new Map(prices.map((bar) => [periodOf(bar.date, interval), bar]));
  const pairs = stored.map((bar) => ({
    stored: bar.close,
    fetched: fetched.get(periodOf(bar.date, interval))?.close ?? NaN,
  }));
  if (pairs.length === 0 || pairs.some((pair) => Number.isNaN(pair.fetched))) return false;
  const settled = pairs.slice(0, -openBars);
  return (
    settled.every((pair) => moveOf(pair.stored, pair.fetched) <= 1 + rounding) &&
    runAtOnce(findRestatement(pairs)).kind === 'none'
  );
};
