/* oxlint-disable no-loss-of-precision -- ln 2 / 64 is written in two parts with one digit more than a double holds */
/**
 * exp(x) for inner loops. The error is below 0.6 units in the last place. The compiler inlines this function, while
 * `Math.exp` is a call. With x = (64 k + j) ln 2 / 64 + r the result is exp(x) = 2^k 2^(j/64) (1 + r + ...), as in
 * P. T. P. Tang, "Table-driven implementation of the exponential function", ACM TOMS 15 (1989), 144-157.
 */
const MIN_EXPONENT = -1075;
/** The length is a power of two, because a mask then proves to the compiler that every index is inside the table. */
const powers = Float64Array.from({ length: 4096 }, (_, index) => 2 ** (index + MIN_EXPONENT));
const roots = Float64Array.from({ length: 64 }, (_, j) => 2 ** (j / 64));
const PER_LN2 = 92.33248261689365807;
/** The first 32 bits of ln 2 / 64, and the remainder. */
const STEP_HIGH = 1.0830424696249145e-2 - (1.0830424696249145e-2 % 2 ** -38);
const STEP_LOW = (1.0830424696249145e-2 % 2 ** -38) + 3.6235106466348431e-19;
/** Adding and subtracting this number rounds to an integer. */
const ROUND = 6755399441055744;
const MIN_ARGUMENT = -745.2;
const MAX_ARGUMENT = 709.7;

/** exp(x). The result is 0 below -745.2, and that of `Math.exp` above 709.7 and for NaN. */
export const exp = (x: number): number => {
  if (!(x < MAX_ARGUMENT)) return Math.exp(x);
  if (x < MIN_ARGUMENT) return 0;
  const n = x * PER_LN2 + ROUND - ROUND;
  const r = x - n * STEP_HIGH - n * STEP_LOW;
  const index = n | 0;
  const root = roots[index & 63]!;
  const square = r * r;
  const growth = r + square * (0.5 + r * (1 / 6) + square * (1 / 24 + r * (1 / 120)));
  return (root + root * growth) * powers[((index >> 6) - MIN_EXPONENT) & 4095]!;
};
