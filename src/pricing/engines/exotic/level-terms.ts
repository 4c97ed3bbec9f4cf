import { exp } from '../../math/exp.ts';
import { logRatio } from '../../math/log-ratio.ts';
import { INV_SQRT_TWO_PI } from '../../math/normal.ts';
import { density, mills } from '../../math/normal-fast.ts';
import * as term from './term-sums.ts';

/** The market of one option, computed once for all its terms. Rates are continuous and per year, times in years. */
export type Market = {
  spot: number;
  strike: number;
  time: number;
  rate: number;
  dividendYield: number;
  volatility: number;
  carry: number;
  /** volatility * sqrt(time). */
  deviation: number;
  root: number;
  /** spot * exp(-yield * time). */
  asset: number;
  /** exp(-rate * time). */
  discount: number;
  /** 1 without a barrier. */
  barrier: number;
  /** Log of barrier / spot. */
  distance: number;
};

/** Sums, market and work space of one option. An engine reuses them, so that a row does not allocate memory. */
export type TermState = {
  readonly sums: Float64Array;
  readonly by: Float64Array;
  /** Moments of an integral, for rebates. */
  readonly moments: Float64Array;
  readonly market: Market;
  /** Whether the derivatives are summed too. */
  greeks: boolean;
};

/** The numbers are no integers, because the compiler then keeps all members as doubles. */
const emptyMarket: Market = {
  spot: 0.5,
  strike: 0.5,
  time: 0.5,
  rate: 0.5,
  dividendYield: 0.5,
  volatility: 0.5,
  carry: 0.5,
  deviation: 0.5,
  root: 0.5,
  asset: 0.5,
  discount: 0.5,
  barrier: 0.5,
  distance: 0.5,
};

export const createTermState = (): TermState => ({
  sums: new Float64Array(term.SUMS),
  by: new Float64Array(term.DERIVATIVES),
  moments: new Float64Array(4),
  market: { ...emptyMarket },
  greeks: false,
});

/** Starts the sums of an option. Rate and yield are per year, the time is in years. */
export const beginOption = (
  { sums, market }: TermState,
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  barrier: number,
): void => {
  sums.fill(0);
  market.spot = spot;
  market.strike = strike;
  market.time = time;
  market.rate = rate;
  market.dividendYield = dividendYield;
  market.volatility = volatility;
  market.carry = rate - dividendYield;
  market.root = Math.sqrt(time);
  market.deviation = volatility * market.root;
  market.asset = dividendYield === 0 ? spot : spot * exp(-dividendYield * time);
  market.discount = rate === 0 ? 1 : exp(-rate * time);
  market.barrier = barrier;
  market.distance = logRatio(barrier, spot);
};

/**
 * Below these the path of the spot counts as known, because the powers of the volatility in the greeks underflow. The price
 * differs from that at zero volatility by less than 1e-50 of the spot.
 */
const MIN_VOLATILITY = 1e-60;
const MIN_DEVIATION = 1e-60;
export const isPathKnown = (time: number, volatility: number): boolean =>
  volatility < MIN_VOLATILITY || volatility * Math.sqrt(time) < MIN_DEVIATION;

/** For a larger |d|, exp(-d^2 / 2) is 0 in doubles. */
const DENSITY_UNDERFLOW = 38.6;
const densityAt = (d: number): number => (Math.abs(d) > DENSITY_UNDERFLOW ? 0 : INV_SQRT_TWO_PI * density(d));

/**
 * spot exp(-yield time) phi(d1), which equals level exp(-rate time) phi(d2). It is computed from the smaller of both
 * deviations, where the density does not underflow.
 */
export const commonDensity = (market: Market, level: number, d1: number, d2: number): number =>
  Math.abs(d1) < Math.abs(d2) ? market.asset * densityAt(d1) : level * market.discount * densityAt(d2);

/** Writes the derivatives of z for the asset (`sign` 1) or for the cash (`sign` -1). */
const writeSlopes = (market: Market, z: number, sign: number, isReflected: boolean, by: Float64Array): void => {
  const { root, volatility, deviation } = market;
  const perVolatility = 1 / volatility;
  const bySpot = (isReflected ? -1 : 1) / deviation;
  by[term.Z_X] = bySpot;
  by[term.Z_V] = sign * root - z * perVolatility;
  by[term.Z_XV] = -bySpot * perVolatility;
  by[term.Z_VV] = (2 * z * perVolatility - sign * root) * perVolatility;
  const byRate = root * perVolatility;
  by[term.Z_R] = byRate;
  by[term.Z_Q] = -byRate;
};

/** Writes the derivatives of p = distance (2 carry / volatility^2 + sign) for a reflected term, and zeros for a plain one. */
const writePowers = (market: Market, sign: number, isReflected: boolean, by: Float64Array): void => {
  if (!isReflected) {
    by[term.P_X] = 0;
    by[term.P_V] = 0;
    by[term.P_XV] = 0;
    by[term.P_VV] = 0;
    by[term.P_R] = 0;
    by[term.P_Q] = 0;
    return;
  }
  const { distance, carry, volatility } = market;
  const perVariance = 1 / (volatility * volatility);
  const slope = (4 * carry * perVariance) / volatility;
  by[term.P_X] = -(2 * carry * perVariance + sign);
  by[term.P_V] = -slope * distance;
  by[term.P_XV] = slope;
  by[term.P_VV] = (3 * slope * distance) / volatility;
  const byRate = 2 * distance * perVariance;
  by[term.P_R] = byRate;
  by[term.P_Q] = -byRate;
};

/**
 * Adds what is paid where the spot ends on one side of a level: `assets` units of the asset and an amount of `cash`, which is
 * proportional to the strike if there are assets. `side` is +1 for a payment above the level. With -1 it is paid below, and the
 * amounts are negated. If `isReflected`, it is paid only on the paths that touch the barrier and end on the other side of it
 * (principle of reflection). The terms are those of M. Rubinstein and E. Reiner, "Breaking down the barriers", Risk 4 (1991),
 * 28-35. In the tails the factor exp(p) and the density share one exponent that is never positive, so that no product of a
 * huge and a tiny number is formed.
 */
export const addPayment = (
  state: TermState,
  isStrike: boolean,
  assets: number,
  cash: number,
  side: number,
  isReflected: boolean,
): void => {
  const { sums, by, market, greeks } = state;
  const { deviation, distance, carry, volatility, time } = market;
  const level = isStrike ? market.strike : market.barrier;
  const x = logRatio(market.spot, level);
  const centre = (x + carry * time) / deviation;
  const d1 = centre + 0.5 * deviation;
  const d2 = centre - 0.5 * deviation;
  const fromSpot = isReflected ? distance / deviation : 0;
  const shift = 2 * fromSpot;
  let common = commonDensity(market, level, d1, d2);
  if (isReflected && isStrike) common *= exp((-shift * (x + distance)) / deviation);
  const drift = isReflected ? (2 * carry) / (volatility * volatility) : 0;
  const strikeSlope = isStrike ? -1 / deviation : 0;
  if (assets !== 0) {
    const z = d1 + shift;
    const tail = common * mills(Math.abs(z));
    const full = isReflected ? market.asset * exp(distance * (drift + 1)) : market.asset;
    const value = assets * side * (side * z < 0 ? tail : full - tail);
    sums[term.VALUE]! += value;
    if (greeks) {
      writeSlopes(market, z, 1, isReflected, by);
      writePowers(market, 1, isReflected, by);
      by[term.P_X]! += 1;
      by[term.P_Q]! -= time;
      by[term.P_K] = 0;
      by[term.Z_K] = strikeSlope;
      term.addTerm(sums, value, assets * common, z, by);
    }
  }
  if (cash === 0) return;
  const z = d2 + shift;
  const tail = (common / level) * mills(Math.abs(z));
  const full = isReflected ? market.discount * exp(distance * (drift - 1)) : market.discount;
  const value = cash * side * (side * z < 0 ? tail : full - tail);
  sums[term.VALUE]! += value;
  if (!greeks) return;
  writeSlopes(market, z, -1, isReflected, by);
  writePowers(market, -1, isReflected, by);
  by[term.P_R]! -= time;
  by[term.P_K] = assets === 0 ? 0 : 1;
  by[term.Z_K] = strikeSlope;
  term.addTerm(sums, value, (cash * common) / level, z, by);
};

/**
 * Writes the price and the greeks of the sums to `out`, in the order of `outputNames`. Theta and charm are what the partial
 * differential equation of the price leaves.
 */
export const writeSums = (sums: Float64Array, market: Market, out: Float64Array): void => {
  const { spot, strike, rate, carry, volatility } = market;
  const price = sums[term.VALUE]!;
  const bySpot = sums[term.BY_SPOT]!;
  const second = sums[term.BY_SPOT_2]!;
  const third = sums[term.BY_SPOT_3]!;
  const halfVariance = 0.5 * volatility * volatility;
  out.fill(Number.NaN, 7, 17);
  out[0] = price;
  out[1] = bySpot / spot;
  out[2] = second / (spot * spot);
  out[3] = sums[term.BY_VOLATILITY]!;
  out[4] = rate * price - carry * bySpot - halfVariance * second;
  out[5] = sums[term.BY_RATE]!;
  out[6] = sums[term.BY_YIELD]!;
  out[7] = sums[term.BY_SPOT_VOLATILITY]! / spot;
  out[8] = sums[term.BY_VOLATILITY_2]!;
  out[9] = ((rate - carry) * bySpot - (carry + 2 * halfVariance) * second - halfVariance * third) / spot;
  out[11] = third / (spot * spot * spot);
  out[15] = sums[term.BY_STRIKE]! / strike;
  out[16] = sums[term.BY_STRIKE_2]! / (strike * strike);
};
