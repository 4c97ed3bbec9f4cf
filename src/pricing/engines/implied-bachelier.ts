import { exp } from '../math/exp.ts';
import { millsPrime } from '../math/normal-fast.ts';
import { INV_SQRT_TWO_PI } from '../math/normal.ts';
import { ABOVE_MAXIMUM, BELOW_INTRINSIC, NO_INFORMATION, NOT_CONVERGED, type Inversion } from './implied.ts';

/**
 * Normal implied volatility by the reduction of P. Jaeckel, "Implied Normal Volatility", Wilmott 90 (2017), 52-54:
 * with d = |forward - strike| / deviation the undiscounted out-of-the-money price over |forward - strike| is a function
 * g(d) = phi(d) Y'(-d) / d of d alone, Y being the Mills ratio. Its inverse is found here by Halley steps on ln g, which
 * is nearly quadratic in d: from the guesses below five reach the last bit.
 */
const MOST_STEPS = 12;
const LOG_SQRT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** Rounding of price and intrinsic value: an outside value below this share of them has no digit left. */
const NOISE = 4 * Number.EPSILON;

/** The d > 0 with g(d) = `share`. */
const invert = (share: number): { d: number; iterations: number } => {
  const target = Math.log(share);
  let d: number;
  if (share > 0.05) d = INV_SQRT_TWO_PI / (share + 0.5 * Math.exp(-0.35 / share));
  else {
    // ln g ~ -d^2 / 2 - 3 ln d - ln sqrt(2 pi) - 6 / d^2 for large d, solved by substitution.
    d = 1;
    for (let round = 0; round < 4; round++) {
      d = Math.sqrt(Math.max(-2 * (target + LOG_SQRT_TWO_PI + 1.5 * Math.log(d * d + 2)), 0.25));
    }
  }
  let change = 1;
  let iterations = 0;
  while (Math.abs(change) > 1e-9 * d && iterations < MOST_STEPS) {
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

/** Price, forward, strike, years, rate, sign -> absolute volatility, or a negative code of implied.ts. */
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
  const inside = Math.max(moneyness, 0);
  const outside = value - inside;
  const noise = NOISE * Math.max(Math.abs(value), inside);
  if (price < 0 || outside < -noise) return { volatility: BELOW_INTRINSIC, iterations: 0 };
  if (!Number.isFinite(value)) return { volatility: ABOVE_MAXIMUM, iterations: 0 };
  if (time === 0 || outside <= 0 || (inside > 0 && outside <= noise))
    return { volatility: NO_INFORMATION, iterations: 0 };
  if (moneyness === 0) return { volatility: outside / (INV_SQRT_TWO_PI * Math.sqrt(time)), iterations: 0 };
  const distance = Math.abs(moneyness);
  const share = outside / distance;
  if (!(share > 1e-300)) return { volatility: NO_INFORMATION, iterations: 0 };
  const { d, iterations } = invert(share);
  if (iterations < 0) return { volatility: NOT_CONVERGED, iterations: MOST_STEPS };
  return { volatility: distance / (d * Math.sqrt(time)), iterations };
};
