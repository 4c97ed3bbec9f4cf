import type { DividendPayment } from '../engine.ts';
import { deterministicAmericanPut } from './american-limits.ts';
import { blackScholesPrice } from './black-scholes.ts';

/** D. Peizer and J. Pratt's second inversion: the up probability of `steps` whose binomial tail is N(d). */
const probability = (d: number, steps: number): number => {
  const scaled = d / (steps + 1 / 3 + 0.1 / (steps + 1));
  return 0.5 + 0.5 * Math.sign(d) * Math.sqrt(-Math.expm1(-scaled * scaled * (steps + 1 / 6)));
};

/** Value at `from` of the dividends paid after it and not after `to`. */
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

/**
 * Binomial tree of D. Leisen and M. Reimer, "Binomial models for option valuation", Applied Mathematical Finance 3
 * (1996), 319-346; an even number of steps is raised by one. With `dividends` the tree is that of the spot less their
 * value (escrowed model), which exercise gets back. Infinity or NaN where doubles cannot hold the tree.
 */
export const binomialPrice = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
  american: boolean,
  requestedSteps: number,
  dividends: readonly DividendPayment[] = [],
): number => {
  const escrowed = spot - dividendValue(dividends, rate, 0, time);
  if (!(escrowed > 0)) return Number.NaN;
  if (time === 0 || volatility === 0) {
    if (!american) return blackScholesPrice(escrowed, strike, time, rate, dividendYield, volatility, sign);
    return deterministicAmerican(escrowed, strike, time, rate, dividendYield, sign, dividends);
  }
  const steps = requestedSteps % 2 === 0 ? requestedSteps + 1 : requestedSteps;
  const dt = time / steps;
  const deviation = volatility * Math.sqrt(time);
  const d1 = (Math.log(escrowed / strike) + (rate - dividendYield) * time) / deviation + 0.5 * deviation;
  const growth = Math.exp((rate - dividendYield) * dt);
  const p = probability(d1 - deviation, steps);
  const up = (growth * probability(d1, steps)) / p;
  const down = (growth - p * up) / (1 - p);
  if (!(p > 0 && p < 1 && down > 0)) {
    // The drift leaves no room for chance: the path is known.
    return american
      ? deterministicAmerican(escrowed, strike, time, rate, dividendYield, sign, dividends)
      : blackScholesPrice(escrowed, strike, time, rate, dividendYield, volatility, sign);
  }
  const discount = Math.exp(-rate * dt);
  const pUp = discount * p;
  const pDown = discount * (1 - p);
  const ratio = up / down;
  const spots = new Float64Array(steps + 1);
  const values = new Float64Array(steps + 1);
  let node = escrowed * down ** steps;
  for (let j = 0; j <= steps; j++) {
    spots[j] = node;
    values[j] = Math.max(sign * (node - strike), 0);
    node *= ratio;
  }
  for (let step = steps - 1; step >= 0; step--) {
    const held = dividends.length === 0 ? 0 : dividendValue(dividends, rate, step * dt, time);
    const gain = held - strike;
    for (let j = 0; j <= step; j++) {
      const value = pUp * values[j + 1]! + pDown * values[j]!;
      const here = spots[j]! / down;
      spots[j] = here;
      values[j] = american ? Math.max(value, sign * (here + gain)) : value;
    }
  }
  return values[0]!;
};

const deterministicAmerican = (
  escrowed: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  sign: number,
  dividends: readonly DividendPayment[],
): number => {
  if (dividends.length === 0) {
    return sign < 0
      ? deterministicAmericanPut(escrowed, strike, time, rate, dividendYield)
      : deterministicAmericanPut(strike, escrowed, time, dividendYield, rate);
  }
  // Between dividends the discounted payoff is monotonic without a yield: the best time is at an end.
  const payoffAt = (t: number): number =>
    sign * (escrowed + (dividendValue(dividends, rate, t, time) - strike) * Math.exp(-rate * t));
  const before = dividends.filter((dividend) => dividend.time <= time).map((dividend) => dividend.time * (1 - 1e-15));
  return Math.max(
    0,
    payoffAt(0),
    payoffAt(time),
    ...before.map(payoffAt),
    ...dividends.map((d) => payoffAt(Math.min(d.time, time))),
  );
};
