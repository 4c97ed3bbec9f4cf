import type { PriceBar } from '../providers/provider.ts';

/** The bar of a row that has more members. They are written out, because a rest of a row takes several times as long. */
export const barOf = ({ date, open, high, low, close, volume }: PriceBar): PriceBar => ({
  date,
  open,
  high,
  low,
  close,
  volume,
});

/** Prices that a bar is compared with. A price that is missing is replaced by the close. */
export type ReferenceBar = Pick<PriceBar, 'open' | 'high' | 'low' | 'close'>;

/** The price that decided, and the price that it was compared with. */
export type Comparison = { readonly price: number; readonly reference: number };

const comparedFields = ['close', 'open', 'high', 'low'] as const;

/** The factor, at least 1, between two prices. */
export const moveOf = (price: number, reference: number): number => Math.max(price / reference, reference / price);

/**
 * The first price of the bar that differs by more than `maxFactor` from the same field of the reference: open is
 * compared with open, high with high. Other pairs of fields differ on a volatile day, also when all is right.
 */
const movedTooFar = (bar: PriceBar, reference: ReferenceBar, maxFactor: number): Comparison | undefined => {
  for (const field of comparedFields) {
    const price = bar[field];
    if (price === null) continue;
    const other = reference[field] ?? reference.close;
    if (moveOf(price, other) > maxFactor) return { price, reference: other };
  }
  return undefined;
};

/**
 * The same, but a bar on whose day the shares were split may also follow the bar before it in the new unit. Files have
 * prices with and without an adjustment for the split.
 */
export const movedWithoutSplit = (
  bar: PriceBar,
  reference: ReferenceBar,
  maxFactor: number,
): Comparison | undefined => {
  const moved = movedTooFar(bar, reference, maxFactor);
  const { splitFactor } = bar;
  if (moved === undefined || splitFactor === undefined || splitFactor === null) return moved;
  return movedTooFar(bar, scaledPrices(reference, 1 / splitFactor), maxFactor) && moved;
};

/**
 * Judges a bar of a source that tells splits and dividends, and whose prices are as they were traded. `previous` is the bar
 * before it. The price must fit the split: a wrong factor changes all earlier prices that are read.
 */
export const movedAgainstSplit = (bar: PriceBar, previous: ReferenceBar, maxFactor: number): Comparison | undefined =>
  movedTooFar(bar, scaledPrices(previous, 1 / (bar.splitFactor ?? 1)), maxFactor);

/**
 * A dividend that is not below the close before it, because no share can pay its whole price. Without a bar before it, the
 * limit is the close of the reference, multiplied by `maxFactor`.
 */
export const excessiveDividend = (
  { dividend, splitFactor }: PriceBar,
  { previous, reference }: { readonly previous: ReferenceBar | undefined; readonly reference: ReferenceBar },
  maxFactor: number,
): Comparison | undefined => {
  if (dividend === undefined || dividend === null) return undefined;
  const limit = previous ? previous.close / (splitFactor ?? 1) : reference.close * maxFactor;
  return dividend < limit ? undefined : { price: dividend, reference: limit };
};

/** Relative difference that comes from the rounding of the provider. */
const rounding = 1e-9;

/** Two prices of one bar that contradict each other: a low above the high, or an open or close outside of both. */
export const contradictionIn = ({ open, high, low, close }: PriceBar): Comparison | undefined => {
  const pairs = [
    [low, high],
    [close, high],
    [open, high],
    [low, close],
    [low, open],
  ] as const;
  for (const [smaller, larger] of pairs) {
    if (smaller !== null && larger !== null && smaller > larger * (1 + rounding)) {
      return { price: smaller, reference: larger };
    }
  }
  return undefined;
};

export const sameBar = (a: PriceBar, b: PriceBar): boolean =>
  a.open === b.open && a.high === b.high && a.low === b.low && a.close === b.close && a.volume === b.volume;

const times = (price: number | null, factor: number): number | null => (price === null ? null : price * factor);

const scaledPrices = <Bar extends ReferenceBar>(bar: Bar, factor: number): Bar => ({
  ...bar,
  open: times(bar.open, factor),
  high: times(bar.high, factor),
  low: times(bar.low, factor),
  close: bar.close * factor,
});

/** The bar with its prices multiplied by `factor`. The volume stays, because a factor of prices says nothing about it. */
export const scaledBar = (bar: PriceBar, factor: number): PriceBar => scaledPrices(bar, factor);

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
