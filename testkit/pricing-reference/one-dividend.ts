import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import { gaussLegendre } from '#src/pricing/math/gauss-legendre.ts';

/** An option without a yield whose spot falls by one dividend. An American one must be a call. */
export type OneDividend = {
  readonly spot: number;
  readonly strike: number;
  readonly time: number;
  readonly rate: number;
  readonly volatility: number;
  readonly sign: number;
  readonly american: boolean;
  readonly paidAt: number;
  readonly amount: number;
};

const { nodes, weights } = gaussLegendre(16);
/** Deviations of ln(spot) at the dividend that the integral covers, and parts of one deviation. */
const DEVIATIONS = 9;
const PARTS = 4;

/** The root of an increasing function between the limits, or undefined. */
const rootOf = (f: (z: number) => number): number | undefined => {
  let [low, high] = [-DEVIATIONS, DEVIATIONS];
  if (f(low) > 0 || f(high) < 0) return undefined;
  for (let n = 0; n < 60; n++) {
    const middle = 0.5 * (low + high);
    if (f(middle) > 0) high = middle;
    else low = middle;
  }
  return low;
};

/**
 * The exact price: the value just before the dividend, integrated over the spot there. Without a yield an American call is
 * exercised only now, just before the dividend, or at the expiry.
 */
export const oneDividendPrice = (option: OneDividend): number => {
  const { spot, strike, time, rate, volatility, sign, american, paidAt, amount } = option;
  const deviation = volatility * Math.sqrt(paidAt);
  const spotAt = (z: number): number => spot * Math.exp((rate - 0.5 * volatility ** 2) * paidAt + deviation * z);
  const held = (before: number): number => {
    const after = before - amount;
    if (after <= 0) return sign > 0 ? 0 : strike * Math.exp(-rate * (time - paidAt));
    return blackScholesPrice(after, strike, time - paidAt, rate, 0, volatility, sign);
  };
  const exercised = (before: number): number => (american ? sign * (before - strike) : 0);
  const kinks = [
    rootOf((z) => spotAt(z) - amount),
    ...(american ? [rootOf((z) => exercised(spotAt(z)) - held(spotAt(z)))] : []),
  ];
  const ends = Array.from({ length: 2 * DEVIATIONS * PARTS + 1 }, (_, k) => k / PARTS - DEVIATIONS);
  const sorted = [...ends, ...kinks.filter((kink) => kink !== undefined)].toSorted((a, b) => a - b);
  let sum = 0;
  for (const [k, from] of sorted.slice(0, -1).entries()) {
    const width = sorted[k + 1]! - from;
    for (const [j, node] of nodes.entries()) {
      const z = from + width * node;
      const before = spotAt(z);
      sum += width * weights[j]! * Math.exp(-0.5 * z * z) * Math.max(held(before), exercised(before));
    }
  }
  return Math.max((Math.exp(-rate * paidAt) * sum) / Math.sqrt(2 * Math.PI), exercised(spot));
};
