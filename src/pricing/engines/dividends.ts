import type { DividendPayment, SpotOption } from '../models/engine.ts';

/** Value at time `from` of the dividends paid after `from` and up to `to`. Times are in years. */
export const dividendValue = (
  dividends: readonly DividendPayment[],
  rate: number,
  from: number,
  to: number,
): number => {
  let value = 0;
  for (const { time, amount } of dividends) {
    if (time > from && time <= to) value += amount * Math.exp(-rate * (time - from));
  }
  return value;
};

/** The dividends until the expiry. */
export type DividendsAhead = {
  /** Their value. */
  readonly value: number;
  /** Years until the first one, Infinity without one. */
  readonly first: number;
};

export const noDividends: DividendsAhead = { value: 0, first: Infinity };

export const dividendsAhead = ({ dividends, rate, time_to_expiry }: SpotOption): DividendsAhead => {
  if (dividends === undefined) return noDividends;
  let first = Infinity;
  for (const { time, amount } of dividends) if (amount > 0 && time <= time_to_expiry && time < first) first = time;
  return { value: dividendValue(dividends, rate, 0, time_to_expiry), first };
};

/**
 * The dividends of an option whose valuation date moved, so that its expiry is `time` years ahead: they move by as much. A
 * dividend at the expiry stays there when the sums are rounded, and one after the expiry stays out.
 */
export const moveValuation = (
  { dividends = [], time_to_expiry }: SpotOption,
  time: number,
): readonly DividendPayment[] => {
  const shift = time - time_to_expiry;
  if (shift === 0) return dividends;
  return dividends
    .filter((paid) => paid.time <= time_to_expiry)
    .map(({ time: at, amount }) => ({ amount, time: at === time_to_expiry ? time : Math.min(at + shift, time) }));
};
