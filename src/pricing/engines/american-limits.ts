/**
 * What every American engine shares. All speak of a put; the call with spot S, strike K, rate r and yield q is the put
 * with spot K, strike S, rate q and yield r (R. McDonald and M. Schroder, J. Computational Finance 1 (1998), 5-13).
 */

/**
 * Whether a put has two exercise boundaries, between which to exercise (A. Battauz, M. De Donno and A. Sbuelz,
 * Management Science 61 (2015), 1094-1107): the equations of one do not hold.
 */
export const hasTwoBoundaries = (rate: number, dividendYield: number): boolean => dividendYield < rate && rate < 0;

/** Interest below this is none: it is worth less than rounding, and the boundary nearly 0. */
const LEAST_RATE = 1e-12;

/** Whether a put, short of two boundaries, is worth as much as the European one. */
export const isNeverExercisedEarly = (rate: number, dividendYield: number): boolean =>
  rate < 0 || (rate < LEAST_RATE && dividendYield >= 0);

/** American put without volatility or time: the best of the discounted payoffs along the known path of the spot. */
export const deterministicAmericanPut = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
): number => {
  const payoffAt = (t: number): number => strike * Math.exp(-rate * t) - spot * Math.exp(-dividendYield * t);
  // The slope of the payoff is 0 where exp((rate - yield) t) = rate strike / (yield spot).
  const best = Math.log((rate * strike) / (dividendYield * spot)) / (rate - dividendYield);
  const inner = best > 0 && best < time ? payoffAt(best) : 0;
  return Math.max(0, strike - spot, payoffAt(time), inner);
};
