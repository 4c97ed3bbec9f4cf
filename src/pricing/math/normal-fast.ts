import { exp } from './exp.ts';
import { millsSlope, millsTailDifference } from './mills.ts';
import { millsRatio, normalCdf, normalPdf } from './normal.ts';
import { tabulate } from './piecewise.ts';

/**
 * The normal distribution for inner loops. Each function is a table of piecewise polynomials without a branch or a
 * call. The tables are built at load time from the functions of normal.ts and mills.ts. The half line y >= 0 is mapped
 * to 0 < w <= CELLS with the map of S. G. Johnson for erfcx ("Faddeeva package", 2012). Y is the Mills ratio N / phi.
 */

/** The map sends y = SCALE to the middle cell. */
const SCALE = 4;
const CELLS = 128;
/** Slightly below CELLS, so that y = 0 is in the last cell. */
const TOP = CELLS - 1e-9;
const LAST_AT = CELLS * 8 - 1;
const NUMERATOR = SCALE * TOP;
const atY = (w: number): number => Math.max(NUMERATOR / w - SCALE, 0);
const ratioTable = tabulate((w) => millsRatio(-atY(w)) / w, 0, CELLS + 1, 7);
const slopeTable = tabulate((w) => millsSlope(-atY(w)) / (w * w), 0, CELLS + 1, 7);

const polynomial = (table: Float64Array, cell: number, last: number, v: number): number => {
  // The mask proves to the compiler that every index is inside the table, so it omits the bounds checks.
  const at = (cell * 8) & last;
  const square = v * v;
  const quad = square * square;
  return (
    table[at]! +
    table[at + 1]! * v +
    square * (table[at + 2]! + table[at + 3]! * v) +
    quad * (table[at + 4]! + table[at + 5]! * v + square * (table[at + 6]! + table[at + 7]! * v))
  );
};

/** Y(-y) for y >= 0 with a relative error of about 1e-15. */
export const mills = (y: number): number => {
  const w = NUMERATOR / (SCALE + y);
  const cell = w | 0;
  return w * polynomial(ratioTable, cell, LAST_AT, w - cell - 0.5);
};

/** Y'(-y) = 1 - y Y(-y) for y >= 0 with a relative error of about 1e-15. */
export const millsPrime = (y: number): number => {
  const w = NUMERATOR / (SCALE + y);
  const cell = w | 0;
  return w * w * polynomial(slopeTable, cell, LAST_AT, w - cell - 0.5);
};

/** For |x| above this, N(x) is 0 or 1 to the last bit. */
const EDGE = 8.5;
const PER_UNIT = 15;
const CDF_CELLS = 256;
const LAST_CDF_AT = CDF_CELLS * 8 - 1;
const cdfTable = tabulate((w) => normalCdf(w / PER_UNIT - EDGE), 0, CDF_CELLS + 1, 7);

/** N(x) with an absolute error of about 1e-16. Use it in sums; in the tails the relative error is large. */
export const cdf = (x: number): number => {
  if (!(x > -EDGE)) return x < 0 ? 0 : x;
  if (x >= EDGE) return 1;
  const w = (x + EDGE) * PER_UNIT;
  const cell = w | 0;
  return polynomial(cdfTable, cell, LAST_CDF_AT, w - cell - 0.5);
};

const pdfTable = tabulate((w) => normalPdf(w / PER_UNIT - EDGE), 0, CDF_CELLS + 1, 7);

/** phi(x) with an absolute error of about 1e-16. */
export const pdf = (x: number): number => {
  if (!(Math.abs(x) < EDGE)) return Number.isNaN(x) ? x : 0;
  const w = (x + EDGE) * PER_UNIT;
  const cell = w | 0;
  return polynomial(pdfTable, cell, LAST_CDF_AT, w - cell - 0.5);
};

/**
 * exp(-x^2 / 2). The square is split into two parts, because the exponential would magnify its rounding error (Cody
 * 1969). The factor of the small part is a short series, so the function needs one exponential only.
 */
export const density = (x: number): number => {
  const head = Math.fround(x);
  const e = 0.5 * (x - head) * (x + head);
  return exp(-0.5 * head * head) * (1 - e * (1 - e * (0.5 - e * (1 / 6))));
};

/** For a larger h the forward recurrence is accurate enough for the terms of the series. */
const SERIES_FROM = -6;
/**
 * The series is used for t < SMALL_HALF_DEVIATION (1 - h). For a larger t the plain difference loses less than a digit.
 */
export const SMALL_HALF_DEVIATION = 0.06;

/**
 * Y(h + t) - Y(h - t) for h <= 0 and 0 <= t <= SMALL_HALF_DEVIATION (1 - h), with a relative error of about 1e-15. The
 * method is that of `millsTailDifference`.
 */
export const millsDifference = (h: number, t: number): number => {
  if (h < SERIES_FROM) return millsTailDifference(h, t);
  const y0 = mills(-h);
  const y1 = millsPrime(-h);
  const y2 = h * y1 + y0;
  const y3 = h * y2 + 2 * y1;
  const y4 = h * y3 + 3 * y2;
  const y5 = h * y4 + 4 * y3;
  const y6 = h * y5 + 5 * y4;
  const y7 = h * y6 + 6 * y5;
  const y8 = h * y7 + 7 * y6;
  const y9 = h * y8 + 8 * y7;
  const y10 = h * y9 + 9 * y8;
  const y11 = h * y10 + 10 * y9;
  const square = t * t;
  const high = y7 / 5040 + square * (y9 / 362880 + square * (y11 / 39916800));
  return 2 * t * (y1 + square * (y3 / 6 + square * (y5 / 120 + square * high)));
};
