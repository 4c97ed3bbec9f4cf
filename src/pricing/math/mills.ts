import { millsRatio } from './normal.ts';

/**
 * Derivatives and small differences of the Mills ratio Y(z) = N(z) / phi(z), z <= 0, without cancellation.
 *
 * Y(z) is the integral of exp(z u - u^2 / 2) over u > 0. Each derivative is therefore positive, and
 * Y^(n+1) = z Y^(n) + n Y^(n-1) (Y' = 1 + z Y). For z << 0 the forward recurrence loses all digits. The positive
 * solution is the minimal solution, so the ratios r(n) = Y^(n) / Y^(n-1) = n / (r(n+1) - z) are computed backwards
 * (W. Gautschi, "Computational aspects of three-term recurrence relations", SIAM Review 9 (1967), 24-82).
 */

/** For a larger z the forward recurrence loses at most two bits. */
const FORWARD_FROM = -1;
/** Max Taylor order of `millsTailDifference`. */
const ORDER = 13;
/**
 * Number of backward steps, times z^2, for double precision: the error of a start n steps higher falls like
 * exp(-2 |z| sqrt(n)).
 */
const CONVERGENCE = 360;

/** Fixed point of r = n / (r - z). It is close to the true ratio for large n. */
const startRatio = (z: number, n: number): number => 0.5 * (z + Math.sqrt(z * z + 4 * n));

/** Y'(z) = 1 + z Y(z) for z <= 0. */
export const millsSlope = (z: number): number => {
  const value = millsRatio(z);
  if (z > FORWARD_FROM) return 1 + z * value;
  let n = ORDER + Math.ceil(CONVERGENCE / (z * z));
  let ratio = startRatio(z, n + 1);
  for (; n >= 1; n--) ratio = n / (ratio - z);
  return value * ratio;
};

/**
 * Y(h + t) - Y(h - t) for h <= -2.5 and 0 <= t <= 0.06 (1 + |h|). The result is the sum of the odd terms of the Taylor
 * series at h, as in P. Jaeckel, "Let's Be Rational", Wilmott 75 (2015), 40-53, section 6, with stable derivatives.
 */
export const millsTailDifference = (h: number, t: number): number => {
  const value = millsRatio(h);
  const square = t * t;
  let sum = 1;
  let n = ORDER + Math.ceil(CONVERGENCE / (h * h));
  let ratio = startRatio(h, n + 1);
  for (; n > ORDER; n--) ratio = n / (ratio - h);
  for (; n > 1; n -= 2) {
    const upper = n / (ratio - h);
    ratio = (n - 1) / (upper - h);
    sum = 1 + (sum * square * upper * ratio) / (n * (n - 1));
  }
  return 2 * t * value * (1 / (ratio - h)) * sum;
};
