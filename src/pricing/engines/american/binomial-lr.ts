import type { DividendPayment } from '../../models/engine.ts';
import { deterministicAmericanPut } from './american-limits.ts';
import { blackScholesPrice } from '../european/black-scholes.ts';
import { dividendValue } from '../dividends.ts';
import type { SpotInputs } from '../numeric-greeks.ts';

/** A move with a smaller probability is no part of any price. */
const NEVER = 1e-200;
/** Smaller probabilities and spots can be subnormal numbers, which have too few digits, or 0. */
const MIN_NUMBER = 1e-300;

/**
 * Peizer-Pratt inversion, method 2: the up probability for which the binomial tail of `steps` steps is N(d). The probability of
 * the other side is that of -d. Each has all its digits, also where the other one is nearly 1.
 */
const probability = (d: number, steps: number): number => {
  const scaled = d / (steps + 1 / 3 + 0.1 / (steps + 1));
  const exponent = -scaled * scaled * (steps + 1 / 6);
  const root = Math.sqrt(-Math.expm1(exponent));
  return d > 0 ? 0.5 + 0.5 * root : (0.5 * Math.exp(exponent)) / (1 + root);
};

export type BinomialSettings = {
  readonly american: boolean;
  /** Steps of the tree; if the number is even, one is added. */
  readonly steps: number;
  /** Discrete dividends with their times in years. */
  readonly dividends?: readonly DividendPayment[];
};

/**
 * Price on the binomial tree of D. Leisen and M. Reimer, "Binomial models for option valuation", Applied Mathematical
 * Finance 3 (1996), 319-346. With dividends the tree is built on the spot less the value of the dividends (escrowed
 * model), and the payoff of an early exercise uses the spot with the dividends that are still to come. The result is an
 * infinity or NaN if the values of a tree for an American option are outside the range of doubles, and NaN if the dividends
 * are worth at least the spot.
 */
export const binomialPrice = (inputs: SpotInputs, settings: BinomialSettings): number => {
  const { spot, strike, time, rate, dividendYield, volatility, sign } = inputs;
  const { american, steps: requestedSteps, dividends = [] } = settings;
  const escrowed = spot - dividendValue(dividends, rate, 0, time);
  if (!(escrowed > 0)) return Number.NaN;
  const europeanPrice = (): number => blackScholesPrice(escrowed, strike, time, rate, dividendYield, volatility, sign);
  const deterministicPrice = (): number =>
    american ? deterministicAmerican({ ...inputs, spot: escrowed }, dividends) : europeanPrice();
  if (time === 0 || volatility === 0) return deterministicPrice();
  const steps = requestedSteps % 2 === 0 ? requestedSteps + 1 : requestedSteps;
  const dt = time / steps;
  const deviation = volatility * Math.sqrt(time);
  const d1 = (Math.log(escrowed / strike) + (rate - dividendYield) * time) / deviation + 0.5 * deviation;
  const growth = Math.exp((rate - dividendYield) * dt);
  const p = probability(d1 - deviation, steps);
  const q = probability(deviation - d1, steps);
  const pOfSpot = probability(d1, steps);
  const qOfSpot = probability(-d1, steps);
  // The volatility is so small that the spot moves to one side only. It is then deterministic.
  if (pOfSpot < NEVER || q < NEVER) return deterministicPrice();
  const up = (growth * pOfSpot) / p;
  const down = (growth * qOfSpot) / q;
  const lowest = escrowed * down ** steps;
  // The volatility is too large: the lower spots of the tree would be 0, also those of the steps before.
  if (!(Math.min(p, qOfSpot, lowest) >= MIN_NUMBER)) return american ? Number.NaN : europeanPrice();
  const discount = Math.exp(-rate * dt);
  const pUp = discount * p;
  const pDown = discount * q;
  const ratio = up / down;
  const spots = new Float64Array(steps + 1);
  const values = new Float64Array(steps + 1);
  let node = lowest;
  for (let j = 0; j <= steps; j++) {
    spots[j] = node;
    values[j] = Math.max(sign * (node - strike), 0);
    node *= ratio;
  }
  for (let step = steps - 1; step >= 0; step--) {
    const remainingDividends = dividends.length === 0 ? 0 : dividendValue(dividends, rate, step * dt, time);
    const dividendsLessStrike = remainingDividends - strike;
    for (let j = 0; j <= step; j++) {
      const value = pUp * values[j + 1]! + pDown * values[j]!;
      const nodeSpot = spots[j]! / down;
      spots[j] = nodeSpot;
      values[j] = american ? Math.max(value, sign * (nodeSpot + dividendsLessStrike)) : value;
    }
  }
  return values[0]!;
};

/** Price of an American option on a known path of the spot; `spot` is the escrowed spot. */
const deterministicAmerican = (
  { spot: escrowed, strike, time, rate, dividendYield, sign }: SpotInputs,
  dividends: readonly DividendPayment[],
): number => {
  if (dividends.length === 0) {
    return sign < 0
      ? deterministicAmericanPut(escrowed, strike, time, rate, dividendYield)
      : deterministicAmericanPut(strike, escrowed, time, dividendYield, rate);
  }
  // Without a yield the discounted payoff is monotonic between two dividends, so its max is at a dividend or an end.
  const payoffAt = (t: number): number =>
    sign * (escrowed + (dividendValue(dividends, rate, t, time) - strike) * Math.exp(-rate * t));
  // Just before each payment: the time is less by a few rounding units.
  const timesBeforePayment = dividends
    .filter((dividend) => dividend.time <= time)
    .map((dividend) => dividend.time * (1 - 1e-15));
  return Math.max(
    0,
    payoffAt(0),
    payoffAt(time),
    ...timesBeforePayment.map(payoffAt),
    ...dividends.map((d) => payoffAt(Math.min(d.time, time))),
  );
};
