import { exp } from '../../math/exp.ts';
import { logRatio } from '../../math/log-ratio.ts';
import { density, mills, millsDifference, SMALL_HALF_DEVIATION } from '../../math/normal-fast.ts';
import { INV_SQRT_TWO_PI, normalCdf } from '../../math/normal.ts';
import { normalQuantile } from '../../math/normal-quantile.ts';
import { controlFor, rationalCubic } from '../../math/rational-cubic.ts';
import { intrinsic } from './black-scholes.ts';
import { ABOVE_MAXIMUM, BELOW_INTRINSIC, NO_INFORMATION } from './implied.ts';

/**
 * Black implied volatility: P. Jaeckel, "Let's Be Rational", Wilmott 75 (2015), 40-53. The price is reduced to the
 * out-of-the-money normalised Black function b(x, s) = price / sqrt(forward * strike) with x = ln(forward / strike) <=
 * 0 and s = volatility * sqrt(time). There are four regions of b. Each has a rational initial guess, followed by two
 * Householder steps of fourth order on a function of b that is nearly linear in the region.
 */

const SQRT_3 = Math.sqrt(3);
const TWO_PI = 2 * Math.PI;
/** The number of Householder steps is constant. */
export const impliedBlackSteps = 2;

/** db/ds: phi(h) phi(t) sqrt(2 pi) with h = x / s and t = s / 2. */
const slopeAt = (h: number, t: number): number => INV_SQRT_TWO_PI * exp(-0.5 * (h * h + t * t));

/** b from its slope db/ds; `supremum` is the limit of b for large s, exp(x / 2). */
const blackAt = (h: number, t: number, slope: number, supremum: number): number => {
  if (t < SMALL_HALF_DEVIATION * (1 - h)) return slope === 0 ? 0 : slope * millsDifference(h, t);
  const d1 = h + t;
  if (d1 <= 0) return slope * (mills(-d1) - mills(t - h));
  return supremum - slope * (mills(d1) + mills(t - h));
};

/** Third-order Householder step for a Newton step and the ratios f''/f' and f'''/f'. */
const householder = (newton: number, second: number, third: number): number =>
  (newton * (1 + 0.5 * second * newton)) / (1 + newton * (second + (third * newton) / 6));

/** Initial s in the lowest region, where f = 2 pi |x| / (3 sqrt 3) N(-|x| / (sqrt 3 s))^3 is nearly b. */
const lowerGuess = (x: number, beta: number, sl: number, bl: number): number => {
  const z = x / (SQRT_3 * sl);
  const tail = normalCdf(z);
  const f = ((TWO_PI * -x) / (3 * SQRT_3)) * tail * tail * tail;
  const bend = exp(z * z + (sl * sl) / 8);
  const first = TWO_PI * z * z * tail * tail * bend;
  const overDensity = tail / (INV_SQRT_TWO_PI * density(z));
  const second =
    (Math.PI / 6) *
    ((z * z) / (sl * sl * sl)) *
    tail *
    (8 * SQRT_3 * sl * -x + (3 * sl * sl * (sl * sl - 8) - 8 * x * x) * overDensity) *
    bend *
    bend;
  const r = controlFor(1, bl, f, 1, first, second, true);
  let value = rationalCubic(beta, 0, bl, 0, f, 1, first, r);
  if (!(value > 0)) {
    const t = beta / bl;
    value = (f * t + bl * (1 - t)) * t;
  }
  return Math.abs(x / (SQRT_3 * normalQuantile(Math.cbrt((value * 3 * SQRT_3) / (TWO_PI * -x)))));
};

/** Initial s in the highest region, from f = N(-s / 2). */
const upperGuess = (x: number, beta: number, sh: number, bh: number, supremum: number): number => {
  const f = normalCdf(-0.5 * sh);
  const h = x / sh;
  const first = -0.5 * exp(0.5 * h * h);
  const second = ((Math.sqrt(Math.PI / 2) * h * h) / sh) * exp(h * h + (sh * sh) / 8);
  let value = -1;
  const width = supremum - bh;
  if (second < 1e300) {
    value = rationalCubic(beta, bh, supremum, f, 0, first, -0.5, controlFor(-1, width, -f, first, -0.5, second, true));
  }
  if (!(value > 0)) {
    const t = (beta - bh) / width;
    value = (f * (1 - t) + 0.5 * width * t) * (1 - t);
  }
  return -2 * normalQuantile(value);
};

/**
 * Solves 2 N(s / 2) - 1 = beta for beta below 1/2. The quantile of 0.5 + 0.5 beta has the digits that are left of beta
 * after the sum, so Newton steps on b itself, whose relative error is small, bring the others back.
 */
const atTheMoney = (beta: number): number => {
  let s = 2 * normalQuantile(0.5 + 0.5 * beta);
  // For a tiny beta the quantile has no digit, but b is linear: b = s phi(0).
  if (beta < 1e-6) s = beta / INV_SQRT_TWO_PI;
  for (let step = 0; step < impliedBlackSteps; step++) {
    const slope = slopeAt(0, 0.5 * s);
    s -= (blackAt(0, 0.5 * s, slope, 1) - beta) / slope;
  }
  return s;
};

/**
 * Solves b(x, s) = beta for s, with x <= 0 and 0 < beta < `supremum` = exp(x / 2). NaN if b is outside the range of
 * doubles.
 */
export const impliedDeviation = (x: number, beta: number, supremum: number): number => {
  // At the money b has the closed form 2 N(s / 2) - 1.
  if (x === 0) return beta < 0.5 ? atTheMoney(beta) : -2 * normalQuantile(0.5 - 0.5 * beta);
  const sc = Math.sqrt(-2 * x);
  const tc = 0.5 * sc;
  // d1 is 0 at s = sc, so h = -t there.
  const vc = slopeAt(tc, tc);
  const bc = blackAt(-tc, tc, vc, supremum);
  let s: number;
  let region: 'lower' | 'middle' | 'upper' = 'middle';
  if (beta < bc) {
    const sl = sc - bc / vc;
    const hl = x / sl;
    const vl = slopeAt(hl, 0.5 * sl);
    const bl = blackAt(hl, 0.5 * sl, vl, supremum);
    if (beta < bl) {
      region = 'lower';
      s = lowerGuess(x, beta, sl, bl);
    } else {
      const r = controlFor(1, bc - bl, sc - sl, 1 / vl, 1 / vc, 0, false);
      s = rationalCubic(beta, bl, bc, sl, sc, 1 / vl, 1 / vc, r);
    }
  } else {
    const sh = vc > 0 ? sc + (supremum - bc) / vc : sc;
    const hh = x / sh;
    const vh = slopeAt(hh, 0.5 * sh);
    const bh = blackAt(hh, 0.5 * sh, vh, supremum);
    if (beta <= bh) {
      const r = controlFor(-1, bh - bc, sh - sc, 1 / vc, 1 / vh, 0, false);
      s = rationalCubic(beta, bc, bh, sc, sh, 1 / vc, 1 / vh, r);
    } else {
      s = upperGuess(x, beta, sh, bh, supremum);
      if (beta > 0.5 * supremum) region = 'upper';
    }
  }
  const logBeta = region === 'lower' ? Math.log(beta) : 0;
  for (let step = 0; step < impliedBlackSteps; step++) {
    const h = x / s;
    const t = 0.5 * s;
    const slope = slopeAt(h, t);
    const b = blackAt(h, t, slope, supremum);
    // Ratios of the second and third derivative of b to its first.
    const second = (h * h) / s - 0.25 * s;
    const third = second * second - 3 * (h / s) * (h / s) - 0.25;
    let change: number;
    if (region === 'middle') {
      change = householder((beta - b) / slope, second, third);
    } else if (region === 'lower') {
      const growth = slope / b;
      const log = Math.log(b);
      const ratio = 1 + 2 / log;
      change = householder(
        ((logBeta - log) * log) / logBeta / growth,
        second - growth * ratio,
        third + 2 * growth * growth * (1 + (3 / log) * (1 + 1 / log)) - 3 * second * growth * ratio,
      );
    } else {
      const growth = slope / (supremum - b);
      change = householder(
        -Math.log((supremum - beta) / (supremum - b)) / growth,
        second + growth,
        third + growth * (2 * growth + 3 * second),
      );
    }
    s += Math.max(change, -0.5 * s);
  }
  return s;
};

/** Rounding error of price and intrinsic value, relative to the larger. A smaller time value has no correct digit. */
const NOISE = 4 * Number.EPSILON;

/**
 * Implied volatility per year of a price on a spot, or a negative code of implied.ts. `time` is in years; rate and
 * yield are continuous and per year; `sign` is +1 for a call, -1 for a put.
 */
export const blackScholesImpliedVolatility = (
  price: number,
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  sign: number,
): number => {
  const asset = dividendYield === 0 ? spot : spot * exp(-dividendYield * time);
  const cash = rate === 0 ? strike : strike * exp(-rate * time);
  const growth = (rate - dividendYield) * time;
  const x = logRatio(spot, strike) + growth;
  const intrinsicValue = sign * x > 0 ? sign * intrinsic(spot, strike, x, growth, asset, cash) : 0;
  const near = x <= 0 ? asset : cash;
  const timeValue = price - intrinsicValue;
  const noise = NOISE * Math.max(price, intrinsicValue);
  if (timeValue < -noise || price < 0) return BELOW_INTRINSIC;
  if (timeValue > near * (1 + NOISE)) return ABOVE_MAXIMUM;
  if (time === 0 || timeValue === 0 || (intrinsicValue > 0 && timeValue <= noise)) return NO_INFORMATION;
  if (near - timeValue <= NOISE * near) return NO_INFORMATION;
  const scale = Math.sqrt(asset) * Math.sqrt(cash);
  const s = impliedDeviation(-Math.abs(x), timeValue / scale, near / scale);
  return s > 0 && s < Infinity ? s / Math.sqrt(time) : NO_INFORMATION;
};

/**
 * Implied volatility per year of a price on a forward: `blackScholesImpliedVolatility` with the yield equal to the
 * rate.
 */
export const black76ImpliedVolatility = (
  price: number,
  forward: number,
  strike: number,
  time: number,
  rate: number,
  sign: number,
): number => blackScholesImpliedVolatility(price, forward, strike, time, rate, rate, sign);
