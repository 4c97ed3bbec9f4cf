import type { DividendPayment } from '../../models/engine.ts';
import type { SpotInputs } from '../numeric-greeks.ts';

/** An option whose spot falls by each dividend. Times are in years. */
export type GridProblem = SpotInputs & {
  readonly american: boolean;
  /** The dividends before the expiry, ascending, one for each time. */
  readonly dividends: readonly DividendPayment[];
  /** The dividend at the expiry. */
  readonly lastDividend: number;
};

/** The times from the valuation to the expiry between which no dividend is paid, with the spots on the mean path. */
export type Interval = {
  readonly from: number;
  readonly length: number;
  /** The spot at the beginning of the interval, if it grows as the forward does between the dividends. */
  readonly centre: number;
  /** The dividend that is paid at the beginning. */
  readonly dividend: number;
};

/** Dividends that are paid within this share of the time to expiry of each other are one. */
const SAME_TIME = 1e-12;

/** Puts dividends into the order of their times. Those after the expiry do not count. */
export const sortDividends = (
  dividends: readonly DividendPayment[],
  time: number,
): Pick<GridProblem, 'dividends' | 'lastDividend'> => {
  const merged: { time: number; amount: number }[] = [];
  let lastDividend = 0;
  for (const { time: at, amount } of dividends.toSorted((a, b) => a.time - b.time)) {
    if (at > time) break;
    if (at > time * (1 - SAME_TIME)) lastDividend += amount;
    else if (amount > 0) {
      const previous = merged.at(-1);
      if (previous !== undefined && at - previous.time <= time * SAME_TIME) previous.amount += amount;
      else merged.push({ time: at, amount });
    }
  }
  return { dividends: merged, lastDividend };
};

/** The intervals between the dividends, or undefined if the dividends are worth more than the spot. */
export const intervalsOf = ({
  spot,
  time,
  rate,
  dividendYield,
  dividends,
  lastDividend,
}: GridProblem): Interval[] | undefined => {
  const intervals: Interval[] = [];
  let [from, centre, paid] = [0, spot, 0];
  for (const { time: at, amount } of dividends) {
    intervals.push({ from, length: at - from, centre, dividend: paid });
    centre = centre * Math.exp((rate - dividendYield) * (at - from)) - amount;
    if (!(centre > 0)) return undefined;
    [from, paid] = [at, amount];
  }
  intervals.push({ from, length: time - from, centre, dividend: paid });
  return centre * Math.exp((rate - dividendYield) * (time - from)) > lastDividend ? intervals : undefined;
};
