import type { PriceBar } from '../providers/provider.ts';
import { maxSplitProduct } from './number-range.ts';

/** `date`: the first day with prices of the new shares. `factor`: new shares for one old share. */
export type Split = { readonly date: string; readonly factor: number };

/**
 * Returns a function for the new shares for one share of a day: the product of the factors of all later splits. It looks for the first
 * of them in a sorted list, because a provider can tell a split on each day, and each of thousands of bars needs its product.
 */
const createFactorAfter = (splits: readonly Split[]): ((date: string) => number) => {
  const sorted = splits.toSorted((left, right) => (left.date < right.date ? -1 : left.date > right.date ? 1 : 0));
  /** At each index the product of the factors from there on. */
  const products = Array<number>(sorted.length + 1).fill(1);
  for (let index = sorted.length - 1; index >= 0; index--) {
    const product = products[index + 1]! * sorted[index]!.factor;
    // Answers of several days can have more splits together than one may have, and a number that is not finite would fail the page.
    products[index] = Math.min(maxSplitProduct, Math.max(1 / maxSplitProduct, product));
  }
  return (date) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]!.date > date) high = middle;
      else low = middle + 1;
    }
    return products[low]!;
  };
};

/**
 * The bars in shares of today: prices before a split are divided by its factor, and volumes are multiplied by it.
 * Dividends change nothing.
 */
export const adjustBars = <Bar extends PriceBar>(bars: readonly Bar[], splits: readonly Split[]): Bar[] => {
  const over = (price: number | null, factor: number): number | null => price && price / factor;
  const factorAfter = createFactorAfter(splits);
  return bars.map((bar) => {
    const factor = factorAfter(bar.date);
    if (factor === 1) return bar;
    return {
      ...bar,
      open: over(bar.open, factor),
      high: over(bar.high, factor),
      low: over(bar.low, factor),
      close: bar.close / factor,
      volume: bar.volume && bar.volume * factor,
    };
  });
};

/** The same for closes alone. */
export const adjustCloses = <Bar extends Pick<PriceBar, 'date' | 'close'>>(
  bars: readonly Bar[],
  splits: readonly Split[],
): readonly Bar[] => {
  if (splits.length === 0) return bars;
  const factorAfter = createFactorAfter(splits);
  return bars.map((bar) => ({ ...bar, close: bar.close / factorAfter(bar.date) }));
};
