import { cdf } from '../../math/normal-fast.ts';
import { deterministicAmericanPut, hasTwoBoundaries, isNeverExercisedEarly } from './american-limits.ts';
import { blackScholesPrice } from '../european/black-scholes.ts';
import { killingRate, premiumPower, quadraticBoundary } from './quadratic-boundary.ts';

const TOLERANCE = 1e-12;

const put = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  killing: number,
): number => {
  if (time === 0 || volatility === 0) return deterministicAmericanPut(spot, strike, time, rate, dividendYield);
  if (hasTwoBoundaries(rate, dividendYield)) return Number.NaN;
  const european = blackScholesPrice(spot, strike, time, rate, dividendYield, volatility, -1);
  if (isNeverExercisedEarly(rate, dividendYield)) return european;
  const top = dividendYield > rate ? (strike * rate) / dividendYield : strike;
  const power = premiumPower(killing, rate, dividendYield, volatility);
  // The search starts at the boundary of the perpetual option, or below the boundary at expiry if that is smaller.
  const guess = Math.min(0.9 * top, (strike * power) / (power - 1));
  const boundary = quadraticBoundary(guess, top, strike, time, rate, dividendYield, volatility, power, 0, TOLERANCE);
  if (spot <= boundary) return strike - spot;
  const deviation = volatility * Math.sqrt(time);
  const d1 = (Math.log(boundary / strike) + (rate - dividendYield) * time) / deviation + 0.5 * deviation;
  const slope = 1 - Math.exp(-dividendYield * time) * cdf(-d1);
  const premium = (-boundary / power) * slope * Math.exp(power * Math.log(spot / boundary));
  return Math.min(Math.max(european + Math.max(premium, 0), strike - spot), strike);
};

/**
 * Price of an American option by the quadratic approximation of G. Barone-Adesi and R. E. Whaley, "Efficient analytic
 * approximation of American option values", J. Finance 42 (1987), 301-320. `time` is in years; rate, yield and
 * volatility are per year; `sign` is +1 for a call, -1 for a put. NaN if the option has two exercise boundaries.
 */
export const bawPrice = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
): number => {
  const killing = killingRate(rate, time);
  // The symmetry turns a call into a put. It does not apply to the killing rate, so the put gets the rate of the call.
  return sign < 0
    ? put(spot, strike, time, rate, dividendYield, volatility, killing)
    : put(strike, spot, time, dividendYield, rate, volatility, killing + dividendYield - rate);
};
