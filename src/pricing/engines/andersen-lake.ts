import { exp } from '../math/exp.ts';
import { cdf } from '../math/normal-fast.ts';
import type { Scheme } from './andersen-lake-scheme.ts';
import { deterministicAmericanPut, hasTwoBoundaries, isNeverExercisedEarly } from './american-limits.ts';
import { blackScholesPrice } from './black-scholes.ts';
import { qdPlusBoundary } from './quadratic-boundary.ts';

/**
 * American options: L. Andersen, M. Lake and D. Offengenden, "High performance American option pricing", J.
 * Computational Finance 20 (2016), 39-87. The exercise boundary B solves an integral equation; H = ln(B / X)^2 is
 * collocated at Chebyshev nodes in sqrt(time) and found by fixed-point steps (their system B, without the Jacobi-Newton
 * step: from the guess of quadratic-boundary.ts it gains nothing). The price is the European one and the integral of
 * the early-exercise premium.
 */

/** Of ln(B / X): keeps quotients by it finite. */
const LEAST_LOG = -1e-12;

export type AndersenLake = {
  /**
   * Spot, strike, years, rate, yield, volatility, sign -> price; NaN where there are two exercise boundaries (a put
   * with dividend yield < rate < 0, a call with rate < dividend yield < 0).
   */
  readonly price: (
    spot: number,
    strike: number,
    time: number,
    rate: number,
    dividendYield: number,
    volatility: number,
    sign: number,
  ) => number;
};

/** Works in buffers of its own: not to be entered twice at once. */
export const createAndersenLake = (scheme: Scheme): AndersenLake => {
  const { intervals, steps, points, roots, cosines, sines, weights, interpolation } = scheme;
  const { premiumPoints, premiumCosines, premiumWeights, premiumInterpolation } = scheme;
  /** ln(B / X) and its square at the nodes; at time 0 both are 0. */
  const logs = new Float64Array(intervals + 1);
  const squares = new Float64Array(intervals + 1);
  const pending = new Float64Array(intervals + 1);
  /** exp(rate u) and exp(yield u) times the weights, per node and point. */
  const rateFactors = new Float64Array(intervals * points);
  const yieldFactors = new Float64Array(intervals * points);

  const logAt = (matrix: Float64Array, row: number): number => {
    let square = 0;
    const from = row * (intervals + 1);
    for (let j = 0; j < intervals; j++) square += matrix[from + j]! * squares[j]!;
    return square > 0 ? -Math.sqrt(square) : 0;
  };

  /** One step of the fixed-point system at all nodes. */
  const improve = (logTop: number, time: number, rate: number, dividendYield: number, volatility: number): void => {
    const rootTime = Math.sqrt(time);
    for (let i = 0; i < intervals; i++) {
      const root = roots[i]! * rootTime;
      const nodeTime = root * root;
      const deviation = volatility * root;
      const log = logs[i]!;
      const drift = ((rate - dividendYield) / volatility) * root;
      // d- and d+ over time t with log-moneyness m: m / (v sqrt t) + (r - q) sqrt(t) / v -+ v sqrt(t) / 2.
      const middle = (log + logTop) / deviation + drift;
      const half = 0.5 * deviation;
      let numerator = cdf(middle - half);
      let denominator = cdf(middle + half);
      for (let k = 0; k < points; k++) {
        const at = i * points + k;
        const cosine = cosines[k]!;
        const other = logAt(interpolation, at);
        const spread = deviation * cosine;
        const centre = (log - other) / spread + drift * cosine;
        const minus = centre - 0.5 * spread;
        const plus = centre + 0.5 * spread;
        numerator += rateFactors[at]! * cdf(minus);
        denominator += yieldFactors[at]! * cdf(plus);
      }
      const target = Math.log(numerator / denominator) - (rate - dividendYield) * nodeTime - logTop;
      // Above the boundary at expiry there is none; and rounding at extreme inputs must not spread.
      const next = target <= 0 ? target : target > 0 ? LEAST_LOG : log;
      pending[i] = next;
    }
    for (let i = 0; i < intervals; i++) {
      logs[i] = pending[i]!;
      squares[i] = pending[i]! * pending[i]!;
    }
  };

  const solve = (
    top: number,
    strike: number,
    time: number,
    rate: number,
    dividendYield: number,
    volatility: number,
  ) => {
    for (let i = 0; i < intervals; i++) {
      const nodeTime = time * roots[i]! * roots[i]!;
      for (let k = 0; k < points; k++) {
        const u = nodeTime * sines[k]! * sines[k]!;
        const weight = weights[k]! * nodeTime;
        rateFactors[i * points + k] = rate * weight * exp(rate * u);
        yieldFactors[i * points + k] = dividendYield * weight * exp(dividendYield * u);
      }
    }
    let guess = top;
    for (let i = intervals - 1; i >= 0; i--) {
      guess = qdPlusBoundary(guess, top, strike, time * roots[i]! * roots[i]!, rate, dividendYield, volatility);
      const log = Math.min(Math.log(guess / top), LEAST_LOG);
      logs[i] = log;
      squares[i] = log * log;
    }
    const logTop = Math.log(top / strike);
    for (let step = 0; step < steps; step++) improve(logTop, time, rate, dividendYield, volatility);
  };

  const put = (
    spot: number,
    strike: number,
    time: number,
    rate: number,
    dividendYield: number,
    volatility: number,
  ): number => {
    if (time === 0 || volatility === 0) return deterministicAmericanPut(spot, strike, time, rate, dividendYield);
    if (hasTwoBoundaries(rate, dividendYield)) return Number.NaN;
    const european = blackScholesPrice(spot, strike, time, rate, dividendYield, volatility, -1);
    if (isNeverExercisedEarly(rate, dividendYield)) return european;
    const top = dividendYield > rate ? (strike * rate) / dividendYield : strike;
    const payoff = Math.max(strike - spot, 0);
    solve(top, strike, time, rate, dividendYield, volatility);
    const moneyness = Math.log(spot / top);
    if (moneyness <= logs[0]!) return payoff;
    const deviation = volatility * Math.sqrt(time);
    const drift = ((rate - dividendYield) / volatility) * Math.sqrt(time);
    let premium = 0;
    for (let k = 0; k < premiumPoints; k++) {
      const cosine = premiumCosines[k]!;
      const t = time * cosine * cosine;
      const spread = deviation * cosine;
      const centre = (moneyness - logAt(premiumInterpolation, k)) / spread + drift * cosine;
      premium +=
        premiumWeights[k]! *
        (rate * strike * exp(-rate * t) * cdf(0.5 * spread - centre) -
          dividendYield * spot * exp(-dividendYield * t) * cdf(-0.5 * spread - centre));
    }
    return Math.min(Math.max(payoff, european + Math.max(time * premium, 0)), strike);
  };

  return {
    price: (spot, strike, time, rate, dividendYield, volatility, sign) =>
      sign < 0
        ? put(spot, strike, time, rate, dividendYield, volatility)
        : put(strike, spot, time, dividendYield, rate, volatility),
  };
};
