import type { PriceBar } from '../providers/provider.ts';

/** `date`: the first day with prices of the new shares. `factor`: new shares for one old share. */
export type Split = { readonly date: string; readonly factor: number };

/** New shares for one share of the day: the product of the factors of all later splits. */
const factorAfter = (date: string, splits: readonly Split[]): number =>
  splits.reduce((product, split) => (split.date > date ? product * split.factor : product), 1);

/**
 * The bars in shares of today: prices before a split are divided by its factor, and volumes are multiplied by it.
 * Dividends change nothing.
 */
export const adjustBars = <Bar extends PriceBar>(bars: readonly Bar[], splits: readonly Split[]): Bar[] => {
  const over = (price: number | null, factor: number): number | null => price && price / factor;
  return bars.map((bar) => {
    const factor = factorAfter(bar.date, splits);
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
): readonly Bar[] =>
  splits.length === 0 ? bars : bars.map((bar) => ({ ...bar, close: bar.close / factorAfter(bar.date, splits) }));
