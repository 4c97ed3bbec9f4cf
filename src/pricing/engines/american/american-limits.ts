import type { SpotOption } from '../../models/engine.ts';
import type { Refusal } from '../european/implied.ts';

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

/**
 * Refuses an option with two exercise boundaries, for the models that cannot price it.
 * @returns the reason `double_boundary`, or undefined if the option has one boundary or none
 */
export const twoBoundariesRefusal = (o: SpotOption): Refusal | undefined => {
  const call = o.option_type === 'call';
  return hasTwoBoundaries(call ? o.dividend_yield : o.rate, call ? o.rate : o.dividend_yield)
    ? {
        code: 'double_boundary',
        detail:
          'With these negative rates the option has two exercise boundaries. This model cannot price it: use binomial_lr',
      }
    : undefined;
};

/** A smaller rate counts as zero, because its interest is below the rounding error and the boundary is close to 0. */
const MIN_RATE = 1e-12;

/** True if an American put without two boundaries has the price of the European put. */
export const isNeverExercisedEarly = (rate: number, dividendYield: number): boolean =>
  rate < 0 || (rate < MIN_RATE && dividendYield >= 0);

/**
 * True if the deviation of the log of the spot at expiry, volatility x sqrt(time), is below `maxDeviation`. An American price
 * then differs from that without volatility by less than `maxDeviation` of the strike. The boundary is not solved there,
 * because its equations lose their digits.
 */
export const isWithoutVolatility = (time: number, volatility: number, maxDeviation: number): boolean =>
  volatility * Math.sqrt(time) < maxDeviation;

/** Below this deviation of the log of the spot at expiry, the greeks are those without volatility. No unit. */
export const NEGLIGIBLE_DEVIATION = 1e-11;

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
