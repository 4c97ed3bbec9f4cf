import { exp } from '../../math/exp.ts';
import { millsPrime } from '../../math/normal-fast.ts';
import { INV_SQRT_TWO_PI } from '../../math/normal.ts';
import { ABOVE_MAXIMUM, BELOW_INTRINSIC, NO_INFORMATION, NOT_CONVERGED, type Inversion } from './implied.ts';

/**
 * Normal implied volatility by the reduction of P. Jaeckel, "Implied Normal Volatility", Wilmott 90 (2017), 52-54:
 * with d = |forward - strike| / deviation, the undiscounted out-of-the-money price divided by |forward - strike| is a
 * function g(d) = phi(d) Y'(-d) / d of d only; Y is the Mills ratio. The inverse of g is computed with Halley steps on
 * ln g, because ln g is nearly quadratic in d. From the initial guesses below, five steps give full double precision.
 */
const MAX_STEPS = 12;
const LOG_SQRT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** Rounding error of price and intrinsic value. A time value below this share of them has no correct digit. */
const NOISE = 4 * Number.EPSILON;

/** Solves g(d) = `share` for d > 0. `iterations` is -1 if the steps did not converge. */
const invert = (share: number): { d: number; iterations: number } => {
  const target = Math.log(share);
  let d: number;
  if (share > 0.05) d = INV_SQRT_TWO_PI / (share + 0.5 * Math.exp(-0.35 / share));
  else {
    // For large d, ln g is about -d^2 / 2 - 3 ln d - ln sqrt(2 pi) - 6 / d^2. The equation is solved by substitution.
    d = 1;
    for (let round = 0; round < 4; round++) {
      d = Math.sqrt(Math.max(-2 * (target + LOG_SQRT_TWO_PI + 1.5 * Math.log(d * d + 2)), 0.25));
    }
  }
  let change = 1;
  let iterations = 0;
  while (Math.abs(change) > 1e-9 * d && iterations < MAX_STEPS) {
    iterations++;
    const slope = millsPrime(d);
    const excess = -0.5 * d * d - LOG_SQRT_TWO_PI + Math.log(slope / d) - target;
    // (ln g)' = -1 / (d Y') and (ln g)'' / (ln g)' = -(d + 2 / d) - (ln g)'.
    const first = -1 / (d * slope);
    const newton = -excess / first;
    const bend = -(d + 2 / d) - first;
    change = newton / (1 + 0.5 * Math.max(newton * bend, -1));
    d += Math.max(change, -0.75 * d);
  }
  return { d, iterations: Math.abs(change) > 1e-9 * d ? -1 : iterations };
};

/**
 * Absolute implied volatility (price units per square root of a year) of a price on a forward, or a negative code of
 * implied.ts. `time` is in years; `sign` is +1 for a call, -1 for a put.
 */
export const bachelierImpliedVolatility = (
  price: number,
  forward: number,
  strike: number,
  time: number,
  rate: number,
  sign: number,
): Inversion => {
  const value = price * exp(rate * time);
  const moneyness = sign * (forward - strike);
  const intrinsic = Math.max(moneyness, 0);
  const timeValue = value - intrinsic;
  const noise = NOISE * Math.max(Math.abs(value), intrinsic);
  if (price < 0 || timeValue < -noise) return { volatility: BELOW_INTRINSIC, iterations: 0 };
  if (!Number.isFinite(value)) return { volatility: ABOVE_MAXIMUM, iterations: 0 };
  if (time === 0 || timeValue <= 0 || (intrinsic > 0 && timeValue <= noise))
    return { volatility: NO_INFORMATION, iterations: 0 };
  if (moneyness === 0) return { volatility: timeValue / (INV_SQRT_TWO_PI * Math.sqrt(time)), iterations: 0 };
  const distance = Math.abs(moneyness);
  const share = timeValue / distance;
  if (!(share > 1e-300)) return { volatility: NO_INFORMATION, iterations: 0 };
  const { d, iterations } = invert(share);
  if (iterations < 0) return { volatility: NOT_CONVERGED, iterations: MAX_STEPS };
  return { volatility: distance / (d * Math.sqrt(time)), iterations };
};
