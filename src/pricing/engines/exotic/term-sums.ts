/**
 * Prices of barrier and digital options are sums of terms w exp(p) N(z). This file adds such terms and their derivatives.
 * x is the log of the spot and k the log of the strike. p and z are linear in both.
 */

/** Indices of the sums of one option, and their number. */
export const VALUE = 0;
/** dV/dx. */
export const BY_SPOT = 1;
/** Spot^2 d2V/dSpot2. */
export const BY_SPOT_2 = 2;
/** Spot^3 d3V/dSpot3. */
export const BY_SPOT_3 = 3;
export const BY_VOLATILITY = 4;
/** d2V/dx dvolatility. */
export const BY_SPOT_VOLATILITY = 5;
export const BY_VOLATILITY_2 = 6;
export const BY_RATE = 7;
export const BY_YIELD = 8;
/** dV/dk. */
export const BY_STRIKE = 9;
/** Strike^2 d2V/dStrike2. */
export const BY_STRIKE_2 = 10;
export const SUMS = 11;

/**
 * Indices of the derivatives of p and z in the array `by` of `addTerm`. The array is reused, because a row must not
 * allocate memory.
 */
export const P_X = 0;
export const Z_X = 1;
export const P_K = 2;
export const Z_K = 3;
export const P_V = 4;
export const Z_V = 5;
export const P_XV = 6;
export const Z_XV = 7;
export const P_VV = 8;
export const Z_VV = 9;
export const P_R = 10;
export const Z_R = 11;
export const P_Q = 12;
export const Z_Q = 13;
export const DERIVATIVES = 14;

/**
 * Adds the derivatives of a term, not its value. `value` is w exp(p) N(z), `slope` is its derivative by z. A value or slope
 * of 0 is left out, because its factors can be infinite.
 */
export const addTerm = (sums: Float64Array, value: number, slope: number, z: number, by: Float64Array): void => {
  const px = by[P_X]!;
  const pk = by[P_K]!;
  const pv = by[P_V]!;
  if (value !== 0) {
    sums[BY_SPOT]! += value * px;
    sums[BY_SPOT_2]! += value * px * (px - 1);
    sums[BY_SPOT_3]! += value * px * (px - 1) * (px - 2);
    sums[BY_VOLATILITY]! += value * pv;
    sums[BY_SPOT_VOLATILITY]! += value * (px * pv + by[P_XV]!);
    sums[BY_VOLATILITY_2]! += value * (pv * pv + by[P_VV]!);
    sums[BY_RATE]! += value * by[P_R]!;
    sums[BY_YIELD]! += value * by[P_Q]!;
    sums[BY_STRIKE]! += value * pk;
    sums[BY_STRIKE_2]! += value * pk * (pk - 1);
  }
  if (slope === 0) return;
  const zx = by[Z_X]!;
  const zk = by[Z_K]!;
  const zv = by[Z_V]!;
  const second = 2 * px * zx - z * zx * zx;
  const third = 3 * px * px * zx - 3 * px * z * zx * zx + (z * z - 1) * zx * zx * zx;
  sums[BY_SPOT]! += slope * zx;
  sums[BY_SPOT_2]! += slope * (second - zx);
  sums[BY_SPOT_3]! += slope * (third - 3 * second + 2 * zx);
  sums[BY_VOLATILITY]! += slope * zv;
  sums[BY_SPOT_VOLATILITY]! += slope * (px * zv + pv * zx + by[Z_XV]! - z * zx * zv);
  sums[BY_VOLATILITY_2]! += slope * (2 * pv * zv + by[Z_VV]! - z * zv * zv);
  sums[BY_RATE]! += slope * by[Z_R]!;
  sums[BY_YIELD]! += slope * by[Z_Q]!;
  sums[BY_STRIKE]! += slope * zk;
  sums[BY_STRIKE_2]! += slope * (2 * pk * zk - z * zk * zk - zk);
};
