/* oxlint-disable no-loss-of-precision -- ln 2 / 64 in two parts stands to a digit beyond the double */
/**
 * exp(x) for inner loops, error below 0.6 units in the last place, inlined by the compiler where `Math.exp` is a call:
 * x = (64 k + j) ln 2 / 64 + r, so that exp(x) = 2^k 2^(j/64) (1 + r + ...), after P. T. P. Tang, "Table-driven
 * implementation of the exponential function", ACM TOMS 15 (1989), 144-157.
 */
const LEAST_EXPONENT = -1075;
/** Longer than needed: a mask then shows the compiler that no index leaves the table. */
const powers = Float64Array.from({ length: 4096 }, (_, index) => 2 ** (index + LEAST_EXPONENT));
const roots = Float64Array.from({ length: 64 }, (_, j) => 2 ** (j / 64));
const PER_LN2 = 92.33248261689365807;
/** The first 32 bits of ln 2 / 64, and the rest. */
const STEP_HIGH = 1.0830424696249145e-2 - (1.0830424696249145e-2 % 2 ** -38);
const STEP_LOW = (1.0830424696249145e-2 % 2 ** -38) + 3.6235106466348431e-19;
/** Adding and taking away rounds to an integer. */
const ROUND = 6755399441055744;
const LEAST = -745.2;
const MOST = 709.7;

/** exp(x); 0 below -745.2, `Math.exp` above 709.7 and for NaN. */
export const exp = (x: number): number => {
  if (!(x < MOST)) return Math.exp(x);
  if (x < LEAST) return 0;
  const n = x * PER_LN2 + ROUND - ROUND;
  const r = x - n * STEP_HIGH - n * STEP_LOW;
  const index = n | 0;
  const root = roots[index & 63]!;
  const square = r * r;
  const growth = r + square * (0.5 + r * (1 / 6) + square * (1 / 24 + r * (1 / 120)));
  return (root + root * growth) * powers[((index >> 6) - LEAST_EXPONENT) & 4095]!;
};
