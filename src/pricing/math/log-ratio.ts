import { tabulate } from './piecewise.ts';

/** atanh(s) / s is tabulated as a polynomial of s^2 / MAX_SQUARE. */
const DEGREE = 10;
const MAX_SQUARE = 1 / 9;
const atanhOver = (square: number): number => {
  if (square < 1e-4) return 1 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square / 9)));
  const s = Math.sqrt(square);
  return Math.atanh(s) / s;
};
const [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = tabulate(
  (w) => atanhOver(Math.max(w, 0) * MAX_SQUARE),
  0,
  1,
  DEGREE,
) as unknown as readonly [number, number, number, number, number, number, number, number, number, number, number];

/**
 * ln(a / b) for positive a and b, with a small relative error for a near b. If a and b differ by less than a factor of
 * two, the result is 2 atanh((a - b) / (a + b)), else `Math.log`.
 */
export const logRatio = (a: number, b: number): number => {
  const difference = a - b;
  const sum = a + b;
  if (3 * Math.abs(difference) > sum) return Math.log(a / b);
  const s = difference / sum;
  const v = s * s * 9 - 0.5;
  const v2 = v * v;
  const v4 = v2 * v2;
  const low = c0 + c1 * v + v2 * (c2 + c3 * v);
  const middle = c4 + c5 * v + v2 * (c6 + c7 * v);
  const high = c8 + c9 * v + v2 * c10;
  return 2 * s * (low + v4 * (middle + v4 * high));
};
