import type { HestonInputs } from '../../models/engine.ts';
import { SlowCalculation } from '../../models/slow-calculation.ts';
import { complexExponent, realExponent } from './heston-exponent.ts';
import { parameterExponent, parameterExponentSize } from './parameter-exponent.ts';

/**
 * The integrals of a Heston price. With x = ln(forward / strike) and M(p) = E[exp(p ln(spot / forward))]
 *
 *   out-of-the-money option / forward = 1 / (2 pi i) * integral of exp(z x) M(z + 1) / (z (z + 1)) dz
 *
 * along a line Re z = a with a > 0 for the call and a < -1 for the put (P. Carr and D. Madan, J. Computational Finance
 * 2 (1999), 61-73). Two choices follow L. Andersen and M. Lake, "Robust high-precision option pricing by Fourier
 * transforms" (2019). First, a is the min of the integrand on the real axis, because the integrand does not oscillate
 * there. Second, the line bends towards the side where the integrand decays. The bent line is the hyperbola
 * a + s (i sinh u + t (cosh u - 1)), because the trapezoidal rule converges exponentially on it.
 */

const GOLDEN = 0.5 * (Math.sqrt(5) - 1);
const SEARCH_STEPS = 24;
const RETREAT_FACTOR = 0.7;
const MAX_RETREATS = 4;
const MAX_BEND = 0.5;
const FIRST_STEP = 0.3;
const MAX_HALVINGS = 6;
const MAX_TERMS = 4000;
/** Relative change at which the halving of the step ends. It is a loose limit because a halving squares the error. */
const RELATIVE_TOLERANCE = 1e-7;
/** Absolute change at which the halving ends too, in units of the forward. */
const ABSOLUTE_TOLERANCE = 1e-13;
/** The sum ends at terms below this share of the largest term. */
const NEGLIGIBLE = 1e-15;

/**
 * Number of integrals: the price, then for greeks the integrals with the factors (1 + z), z (1 + z), z (1 + z)(z - 1), a,
 * a^2 and (1 + z) a. Here a is the derivative of the exponent with respect to v0. For parameters they are the derivatives
 * of the price with respect to v0, kappa, theta, sigma and rho.
 */
export const integralCount = 7;
const PARAMETERS = 5;

/** ln of the integrand on the real axis at the distance exp(t) from the pole. */
const logIntegrand = (t: number, call: boolean, x: number, time: number, model: HestonInputs): number => {
  const distance = Math.exp(t);
  const a = call ? distance : -1 - distance;
  return a * x + realExponent(a + 1, time, model) - t - Math.log1p(distance);
};

/** The t of the min of `logIntegrand`, by golden-section search. A rough min is enough. */
const findMinimum = (call: boolean, x: number, time: number, model: HestonInputs): number => {
  let low = -14;
  let high = 12;
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let atLeft = logIntegrand(left, call, x, time, model);
  let atRight = logIntegrand(right, call, x, time, model);
  for (let step = 0; step < SEARCH_STEPS; step++) {
    if (atLeft <= atRight) {
      high = right;
      right = left;
      atRight = atLeft;
      left = high - GOLDEN * (high - low);
      atLeft = logIntegrand(left, call, x, time, model);
    } else {
      low = left;
      left = right;
      atLeft = atRight;
      right = low + GOLDEN * (high - low);
      atRight = logIntegrand(right, call, x, time, model);
    }
  }
  return atLeft <= atRight ? left : right;
};

/**
 * Input of the integrals: x = ln(forward / strike), the time in years and the parameters of the model. `greeks` is true
 * if the integrals of the greeks are needed too, `parameters` if the derivatives by the parameters are needed instead.
 */
type HestonIntegrand = {
  readonly x: number;
  readonly time: number;
  readonly model: HestonInputs;
  readonly greeks: boolean;
  readonly parameters?: boolean;
};

/** Integration line: the hyperbola a + scale (i sinh u + bend (cosh u - 1)), and the factor exp(-peak) of the terms. */
type IntegrationLine = {
  readonly a: number;
  readonly scale: number;
  readonly bend: number;
  readonly peak: number;
};

/**
 * The integral reuses its buffers, so calls must not overlap.
 * @param maxTerms max terms of all sums of one integral
 * @throws SlowCalculation (the integral) if it needs more terms
 */
export const createHestonIntegral = (maxTerms = Infinity) => {
  let termsLeft = maxTerms;
  const exponent = new Float64Array(parameterExponentSize);
  const sums = new Float64Array(integralCount);
  const totals = new Float64Array(integralCount);

  const addDerivatives = (fr: number, fi: number): void => {
    for (let k = 1; k <= PARAMETERS; k++) sums[k]! += exponent[2 * k]! * fr - exponent[2 * k + 1]! * fi;
  };

  /** Writes to `sums` the sums of the terms at u = from, from + step, and so on until the terms are negligible. */
  const sumTerms = (
    { from, step }: { readonly from: number; readonly step: number },
    { a, scale, bend, peak }: IntegrationLine,
    { x, time, model, greeks, parameters = false }: HestonIntegrand,
  ): void => {
    const { v0, kappa, theta, sigma, rho } = model;
    sums.fill(0);
    let negligibleTerms = 0;
    const count = Math.min(MAX_TERMS, termsLeft);
    for (let k = 0; k < count; k++) {
      const u = from + k * step;
      const grow = Math.exp(u);
      const sinh = 0.5 * (grow - 1 / grow);
      const cosh = 0.5 * (grow + 1 / grow);
      const zr = a + scale * bend * (cosh - 1);
      const zi = scale * sinh;
      if (parameters) parameterExponent(zr + 1, zi, time, v0, kappa, theta, sigma, rho, exponent);
      else complexExponent(zr + 1, zi, time, v0, kappa, theta, sigma, rho, exponent);
      const size = Math.exp(exponent[0]! + zr * x - peak);
      const angle = exponent[1]! + zi * x;
      const sine = Math.sin(angle);
      const cosine = Math.cos(angle);
      // The integrand is multiplied by dz / i = scale (cosh u - i bend sinh u) du and divided by z (z + 1).
      const wr = scale * cosh;
      const wi = -scale * bend * sinh;
      const gr = size * (cosine * wr - sine * wi);
      const gi = size * (cosine * wi + sine * wr);
      const pr = zr * (zr + 1) - zi * zi;
      const pi = zi * (2 * zr + 1);
      const norm = pr * pr + pi * pi;
      let fr = (gr * pr + gi * pi) / norm;
      let fi = (gi * pr - gr * pi) / norm;
      if (u === 0) {
        fr *= 0.5;
        fi *= 0.5;
      }
      sums[0]! += fr;
      if (greeks) {
        const ar = exponent[2]!;
        const ai = exponent[3]!;
        const half = u === 0 ? 0.5 : 1;
        const br = (zr + 1) * fr - zi * fi;
        const bi = (zr + 1) * fi + zi * fr;
        sums[1]! += br;
        sums[2]! += half * gr;
        sums[3]! += half * (gr * (zr - 1) - gi * zi);
        const vr = ar * fr - ai * fi;
        const vi = ar * fi + ai * fr;
        sums[4]! += vr;
        sums[5]! += ar * vr - ai * vi;
        sums[6]! += ar * br - ai * bi;
      } else if (parameters) addDerivatives(fr, fi);
      const modulus = greeks || parameters ? size * cosh * (1 + zi * zi) : (size * cosh) / (1 + zi * zi);
      negligibleTerms = modulus < NEGLIGIBLE * scale ? negligibleTerms + 1 : 0;
      // A sum that is not a number stays so.
      if (negligibleTerms >= 2 || Number.isNaN(modulus)) {
        termsLeft -= k;
        return;
      }
    }
    if (count < MAX_TERMS) throw new SlowCalculation('The integral of these inputs needs many terms');
    termsLeft -= count;
    sums.fill(Number.NaN);
  };

  /**
   * Writes to `out` the price of the out-of-the-money option divided by the forward (call if x <= 0, else put). With
   * `greeks` it also writes the integrals listed at `integralCount`. Returns the number of halvings, or -1 and NaN in
   * `out` if the sum did not converge.
   */
  return (integrand: HestonIntegrand, out: Float64Array): number => {
    const { x, time, model } = integrand;
    termsLeft = maxTerms;
    const exponentAt = (b: number): number => b * x + realExponent(b + 1, time, model);
    const placeLine = (isCall: boolean): void => {
      call = isCall;
      distance = Math.exp(findMinimum(call, x, time, model));
      // If the min is at the edge of the range where moments exist, the line moves back towards the pole.
      for (let retreat = 0; retreat < MAX_RETREATS; retreat++) {
        a = call ? distance : -1 - distance;
        peak = exponentAt(a);
        curvature = exponentAt(a + 0.01 * distance) + exponentAt(a - 0.01 * distance) - 2 * peak;
        if (curvature < Infinity) return;
        distance *= RETREAT_FACTOR;
      }
    };
    let call = x <= 0;
    let distance = 0;
    let a = 0;
    let peak = 0;
    let curvature = 0;
    placeLine(call);
    // Almost no moments exist beyond the pole on this side. The other option is integrated, and parity gives the price.
    if (!(curvature < Infinity)) placeLine(!call);
    // The scale is the width of the peak along the imaginary axis, from the curvature of the exponent and of the poles.
    const secondDerivative = Math.max(curvature, 0) / (0.01 * distance) ** 2;
    const scale = 1 / Math.sqrt(secondDerivative + 1 / (a * a) + 1 / ((a + 1) * (a + 1)));
    const level = model.v0 + model.kappa * model.theta * time;
    const across = Math.sqrt(1 - model.rho * model.rho);
    const along = (model.rho - (model.sigma * x) / level) / across;
    const bend = Math.min(Math.max(along, -MAX_BEND), MAX_BEND);
    const line: IntegrationLine = { a, scale, bend, peak };

    const factor = Math.exp(peak) / Math.PI;
    if (factor * scale < ABSOLUTE_TOLERANCE * ABSOLUTE_TOLERANCE) {
      // The price is below the tolerance for any value of the integral.
      out.fill(0);
      return 0;
    }
    let h = FIRST_STEP;
    sumTerms({ from: 0, step: h }, line, integrand);
    totals.set(sums);
    for (let halving = 1; halving <= MAX_HALVINGS; halving++) {
      const before = h * totals[0]!;
      sumTerms({ from: 0.5 * h, step: h }, line, integrand);
      for (let k = 0; k < integralCount; k++) totals[k]! += sums[k]!;
      h *= 0.5;
      const value = h * totals[0]!;
      if (Number.isNaN(value)) break;
      const error = Math.abs(value - before);
      // The change is the error of the previous step. A halving squares the error, so it bounds the error of this step.
      if (error <= RELATIVE_TOLERANCE * Math.abs(value) || factor * error <= ABSOLUTE_TOLERANCE) {
        for (let k = 0; k < integralCount; k++) out[k] = factor * h * totals[k]!;
        if (call !== x <= 0) {
          const sign = call ? -1 : 1;
          out[0]! -= sign * Math.expm1(-x);
          if (integrand.greeks) out[1]! += sign;
        }
        return halving;
      }
    }
    out.fill(Number.NaN);
    return -1;
  };
};
