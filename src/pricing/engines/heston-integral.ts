import type { HestonInputs } from '../engine.ts';
import { complexExponent, realExponent } from './heston-exponent.ts';

/**
 * The integrals behind a Heston price: with x = ln(forward / strike) and M(p) = E[exp(p ln(spot / forward))]
 *
 *   out-of-the-money option / forward = 1 / (2 pi i) * integral of exp(z x) M(z + 1) / (z (z + 1)) dz
 *
 * along a line Re z = a > 0 for the call or a < -1 for the put (P. Carr and D. Madan, J. Computational Finance 2
 * (1999), 61-73). After L. Andersen and M. Lake, "Robust high-precision option pricing by Fourier transforms"
 * (2019): a is where the integrand is least on the real axis, which leaves no oscillation at the peak, and the line bends
 * towards the side where it decays. Here the bent line is the hyperbola a + s (i sinh u + t (cosh u - 1)), on which
 * the plain trapezoidal rule converges exponentially.
 */

const GOLDEN = 0.5 * (Math.sqrt(5) - 1);
const SEARCH_STEPS = 24;
const RETREAT = 0.7;
const MOST_RETREATS = 4;
const LARGEST_BEND = 0.5;
const FIRST_STEP = 0.3;
const MOST_HALVINGS = 6;
const MOST_TERMS = 4000;
/** Relative change from halving the step that ends it: halving squares the error. */
const TOLERANCE = 1e-7;
/** Change that ends it as well, in units of the forward. */
const SMALLEST = 1e-13;
/** Terms below this share of the largest end the sum. */
const NEGLIGIBLE = 1e-15;

/** Sums per order: price, then the factors (1 + z), z (1 + z), z (1 + z)(z - 1), a, a^2, (1 + z) a. */
export const integralCount = 7;

/** ln of the integrand on the real axis at distance exp(t) beyond the pole. */
const height = (t: number, call: boolean, x: number, time: number, model: HestonInputs): number => {
  const distance = Math.exp(t);
  const a = call ? distance : -1 - distance;
  return a * x + realExponent(a + 1, time, model) - t - Math.log1p(distance);
};

/** t at the least height, by golden sections: any point of the valley will do. */
const valley = (call: boolean, x: number, time: number, model: HestonInputs): number => {
  let low = -14;
  let high = 12;
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let atLeft = height(left, call, x, time, model);
  let atRight = height(right, call, x, time, model);
  for (let step = 0; step < SEARCH_STEPS; step++) {
    if (atLeft <= atRight) {
      high = right;
      right = left;
      atRight = atLeft;
      left = high - GOLDEN * (high - low);
      atLeft = height(left, call, x, time, model);
    } else {
      low = left;
      left = right;
      atLeft = atRight;
      right = low + GOLDEN * (high - low);
      atRight = height(right, call, x, time, model);
    }
  }
  return atLeft <= atRight ? left : right;
};

/** Works in buffers of its own: not to be entered twice at once. */
export const createHestonIntegral = () => {
  const exponent = new Float64Array(4);
  const sums = new Float64Array(integralCount);
  const totals = new Float64Array(integralCount);

  /** Adds the terms at u = from, from + step, ... until they are negligible; the largest modulus seen. */
  const sweep = (
    from: number,
    step: number,
    a: number,
    scale: number,
    bend: number,
    x: number,
    peak: number,
    time: number,
    model: HestonInputs,
    greeks: boolean,
  ): void => {
    const { v0, kappa, theta, sigma, rho } = model;
    sums.fill(0);
    let quiet = 0;
    for (let k = 0; k < MOST_TERMS; k++) {
      const u = from + k * step;
      const grow = Math.exp(u);
      const sinh = 0.5 * (grow - 1 / grow);
      const cosh = 0.5 * (grow + 1 / grow);
      const zr = a + scale * bend * (cosh - 1);
      const zi = scale * sinh;
      complexExponent(zr + 1, zi, time, v0, kappa, theta, sigma, rho, exponent);
      const size = Math.exp(exponent[0]! + zr * x - peak);
      const angle = exponent[1]! + zi * x;
      const sine = Math.sin(angle);
      const cosine = Math.cos(angle);
      // times dz / i = scale (cosh u - i bend sinh u) du, over z (z + 1)
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
      }
      const modulus = greeks ? size * cosh * (1 + zi * zi) : (size * cosh) / (1 + zi * zi);
      quiet = modulus < NEGLIGIBLE * scale ? quiet + 1 : 0;
      if (quiet >= 2) return;
    }
    sums.fill(Number.NaN);
  };

  /**
   * Writes the out-of-the-money option over the forward (call for x <= 0, else put) and, if `greeks`, its integrals with
   * the factors above; answers the number of halvings, -1 where they did not suffice.
   */
  return (x: number, time: number, model: HestonInputs, greeks: boolean, out: Float64Array): number => {
    const side = (b: number): number => b * x + realExponent(b + 1, time, model);
    const start = (isCall: boolean): void => {
      call = isCall;
      distance = Math.exp(valley(call, x, time, model));
      // A valley at the very edge of the moments that exist is left for safer ground.
      for (let round = 0; round < MOST_RETREATS; round++) {
        a = call ? distance : -1 - distance;
        peak = side(a);
        curvature = side(a + 0.01 * distance) + side(a - 0.01 * distance) - 2 * peak;
        if (curvature < Infinity) return;
        distance *= RETREAT;
      }
    };
    let call = x <= 0;
    let distance = 0;
    let a = 0;
    let peak = 0;
    let curvature = 0;
    start(call);
    // Hardly a moment beyond the pole exists on this side: the other option, then parity.
    if (!(curvature < Infinity)) start(!call);
    // The width of the peak along the imaginary axis, from the curvature of the exponent and of the two poles.
    const bowl = Math.max(curvature, 0) / (0.01 * distance) ** 2;
    const scale = 1 / Math.sqrt(bowl + 1 / (a * a) + 1 / ((a + 1) * (a + 1)));
    const level = model.v0 + model.kappa * model.theta * time;
    const across = Math.sqrt(1 - model.rho * model.rho);
    const along = (model.rho - (model.sigma * x) / level) / across;
    const bend = Math.min(Math.max(along, -LARGEST_BEND), LARGEST_BEND);

    const factor = Math.exp(peak) / Math.PI;
    if (factor * scale < SMALLEST * SMALLEST) {
      // Out of reach, whatever the integral.
      out.fill(0);
      return 0;
    }
    let h = FIRST_STEP;
    sweep(0, h, a, scale, bend, x, peak, time, model, greeks);
    totals.set(sums);
    for (let halving = 1; halving <= MOST_HALVINGS; halving++) {
      const before = h * totals[0]!;
      sweep(0.5 * h, h, a, scale, bend, x, peak, time, model, greeks);
      for (let k = 0; k < integralCount; k++) totals[k]! += sums[k]!;
      h *= 0.5;
      const value = h * totals[0]!;
      const error = Math.abs(value - before);
      // Halving squares the error: what is seen of the step before bounds that of this one.
      if (error <= TOLERANCE * Math.abs(value) || factor * error <= SMALLEST) {
        for (let k = 0; k < integralCount; k++) out[k] = factor * h * totals[k]!;
        if (call !== x <= 0) {
          const sign = call ? -1 : 1;
          out[0]! -= sign * Math.expm1(-x);
          out[1]! += sign;
        }
        return halving;
      }
    }
    out.fill(Number.NaN);
    return -1;
  };
};
