import { exp } from '../../math/exp.ts';
import { cdf } from '../../math/normal-fast.ts';
import type { Scheme } from './andersen-lake-scheme.ts';
import { deterministicAmericanPut, hasTwoBoundaries, isNeverExercisedEarly } from './american-limits.ts';
import { blackScholesPrice } from '../european/black-scholes.ts';
import { qdPlusBoundary } from './quadratic-boundary.ts';

/**
 * American options: L. Andersen, M. Lake and D. Offengenden, "High performance American option pricing", J.
 * Computational Finance 20 (2016), 39-87. The exercise boundary B solves an integral equation. H = ln(B / X)^2 is
 * collocated at Chebyshev nodes in sqrt(time) and computed with fixed-point steps. X is the boundary at expiry. The
 * system is system B of the paper without the Jacobi-Newton step, because that step gains no accuracy when the initial
 * guess comes from quadratic-boundary.ts. The price is the European price plus the integral of the early-exercise
 * premium.
 */

/**
 * Max error of a price per unit of the last mean change of a fixed-point step, times the income at the boundary and the density of the
 * spot there. It was measured on 6,000 random options.
 */
const ERROR_PER_CHANGE = 0.65;

/** Distance of the spot to the boundary, in deviations, below which the premium needs more points. */
const CLOSE = 0.15;

/** Upper limit of ln(B / X). It must stay below 0 because it is a divisor. */
const MAX_LOG = -1e-12;

export type AndersenLake = {
  /**
   * Price of an American option. `time` is in years; rate, yield and volatility are per year; sign is +1 for a call, -1
   * for a put. The price is NaN if the option has two exercise boundaries: a put with dividend yield < rate < 0, or a
   * call with rate < dividend yield < 0. `scale` multiplies the tolerance of the fixed-point steps.
   */
  readonly price: (
    spot: number,
    strike: number,
    time: number,
    rate: number,
    dividendYield: number,
    volatility: number,
    sign: number,
    scale?: number,
  ) => number;
  /** True if the fixed-point steps of the last price reached their tolerance. */
  readonly isConverged: () => boolean;
  /** True if the last price was that of a spot close to its boundary, where the error is larger. */
  readonly isClose: () => boolean;
};

/** The engine reuses its buffers, so calls must not overlap. */
export const createAndersenLake = (scheme: Scheme): AndersenLake => {
  const { intervals, minSteps, maxSteps, stepTolerance, points, roots, cosines, sines, weights, interpolation } =
    scheme;
  const { premium, closePremium } = scheme;
  /** Mean change of the logs in the last step and the one before. */
  let change = 0;
  let changeBefore = 0;
  let converged = true;
  let close = false;
  /** ln(B / X) and its square at the nodes; at time 0 both are 0. */
  const logs = new Float64Array(intervals + 1);
  const squares = new Float64Array(intervals + 1);
  const pending = new Float64Array(intervals + 1);
  /** rate exp(rate u) and yield exp(yield u) times the weights, for each node and point. */
  const rateFactors = new Float64Array(intervals * points);
  const yieldFactors = new Float64Array(intervals * points);

  const logAt = (matrix: Float64Array, row: number): number => {
    let square = 0;
    const from = row * (intervals + 1);
    for (let j = 0; j < intervals; j++) square += matrix[from + j]! * squares[j]!;
    return square > 0 ? -Math.sqrt(square) : 0;
  };

  /** One fixed-point step at all nodes. */
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
      // The boundary is never above its value at expiry. If the target is NaN because of rounding at extreme inputs,
      // the previous value stays.
      const next = target <= 0 ? target : target > 0 ? MAX_LOG : log;
      pending[i] = next;
    }
    changeBefore = change;
    change = 0;
    for (let i = 0; i < intervals; i++) {
      change += (pending[i]! - logs[i]!) / intervals;
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
    scale: number,
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
      const log = Math.min(Math.log(guess / top), MAX_LOG);
      logs[i] = log;
      squares[i] = log * log;
    }
    const logTop = Math.log(top / strike);
    const effect = (ERROR_PER_CHANGE * Math.max(rate, Math.abs(dividendYield)) * Math.sqrt(time)) / volatility;
    const maxChange = (stepTolerance * scale) / effect;
    converged = false;
    for (let step = 0; step < maxSteps && !converged; step++) {
      improve(logTop, time, rate, dividendYield, volatility);
      // The mean is used because changes that alternate from node to node have no effect on a price, and decay slowly.
      const last = Math.max(Math.abs(change), 0.25 * Math.abs(changeBefore));
      converged = step + 1 >= minSteps && last <= maxChange;
    }
  };

  const put = (
    spot: number,
    strike: number,
    time: number,
    rate: number,
    dividendYield: number,
    volatility: number,
    scale: number,
  ): number => {
    converged = true;
    close = false;
    if (time === 0 || volatility === 0) return deterministicAmericanPut(spot, strike, time, rate, dividendYield);
    if (hasTwoBoundaries(rate, dividendYield)) return Number.NaN;
    const european = blackScholesPrice(spot, strike, time, rate, dividendYield, volatility, -1);
    if (isNeverExercisedEarly(rate, dividendYield)) return european;
    const top = dividendYield > rate ? (strike * rate) / dividendYield : strike;
    const payoff = Math.max(strike - spot, 0);
    solve(top, strike, time, rate, dividendYield, volatility, scale);
    const moneyness = Math.log(spot / top);
    if (moneyness <= logs[0]!) return payoff;
    const deviation = volatility * Math.sqrt(time);
    const drift = ((rate - dividendYield) / volatility) * Math.sqrt(time);
    // Close to the boundary the income jumps within a short time, so the quadrature needs more points.
    close = moneyness - logs[0]! < CLOSE * deviation;
    const { cosines: premiumCosines, weights: premiumWeights, interpolation: rows } = close ? closePremium : premium;
    let sum = 0;
    for (let k = 0; k < premiumWeights.length; k++) {
      const cosine = premiumCosines[k]!;
      const t = time * cosine * cosine;
      const spread = deviation * cosine;
      const centre = (moneyness - logAt(rows, k)) / spread + drift * cosine;
      sum +=
        premiumWeights[k]! *
        (rate * strike * exp(-rate * t) * cdf(0.5 * spread - centre) -
          dividendYield * spot * exp(-dividendYield * t) * cdf(-0.5 * spread - centre));
    }
    return Math.min(Math.max(payoff, european + Math.max(time * sum, 0)), strike);
  };

  return {
    price: (spot, strike, time, rate, dividendYield, volatility, sign, scale = 1) =>
      sign < 0
        ? put(spot, strike, time, rate, dividendYield, volatility, scale)
        : put(strike, spot, time, dividendYield, rate, volatility, scale),
    isConverged: () => converged,
    isClose: () => close,
  };
};
