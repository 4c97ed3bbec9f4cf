/**
 * Limit cases that all American engines share. Every function here is about a put. A call with spot S, strike K, rate r
 * and yield q has the price of the put with spot K, strike S, rate q and yield r (R. McDonald and M. Schroder,
 * J. Computational Finance 1 (1998), 5-13). Rates and yields are continuous and per year, times are in years.
 */

/**
 * True if a put has two exercise boundaries, with the exercise region between them (A. Battauz, M. De Donno and
 * A. Sbuelz, Management Science 61 (2015), 1094-1107). The equations for a single boundary do not hold then.
 */
export const hasTwoBoundaries = (rate: number, dividendYield: number): boolean => dividendYield < rate && rate < 0;

/** A smaller rate counts as zero, because its interest is below the rounding error and the boundary is close to 0. */
const MIN_RATE = 1e-12;

/** True if an American put without two boundaries has the price of the European put. */
export const isNeverExercisedEarly = (rate: number, dividendYield: number): boolean =>
  rate < 0 || (rate < MIN_RATE && dividendYield >= 0);

/**
 * True if an American price differs from that without volatility by less than `error` of the strike, so the boundary needs
 * not be solved. Its equations lose their digits there.
 */
export const isPathKnown = (time: number, volatility: number, error: number): boolean =>
  volatility * Math.sqrt(time) < error;

/** Below this deviation of the log of the spot the greeks are those without volatility. */
export const KNOWN_DEVIATION = 1e-11;

/** Price of an American put without volatility or time: the max discounted payoff along the known path of the spot. */
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
