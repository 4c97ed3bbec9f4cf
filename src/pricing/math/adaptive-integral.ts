import { gaussLegendre } from './gauss-legendre.ts';

/** Writes the value of a function at `x` times `weight` to the components of `out`, by adding it. */
export type Integrand = (x: number, weight: number, out: Float64Array) => void;

/** A narrower interval is not split. */
const MAX_DEPTH = 24;
/**
 * Max intervals that are looked at. 23 were the most of 3,000 random American options. Where the errors of rounding are larger than
 * the tolerance no interval is accepted, and all of 2^24 would be looked at, which takes minutes.
 */
const MAX_INTERVALS = 128;
/** Then the interval is halved so many times everywhere, which is finer than what the usual options need. */
const FIXED_DEPTH = 4;
const COARSE = gaussLegendre(10);
const FINE = gaussLegendre(21);
/** Evaluations of the integrand are at most this number. */
export const maxEvaluations = (MAX_INTERVALS + 2 ** (FIXED_DEPTH + 1) - 1) * (COARSE.nodes.length + FINE.nodes.length);

/**
 * Integrates a function with `count` components over `from`..`to` by halving intervals, and adds the result to `sums`.
 * The error of each component is below `tolerance` times the larger of 1 and its sum, or that of a fixed rule where
 * rounding does not allow that.
 */
export const addIntegral = (
  write: Integrand,
  from: number,
  to: number,
  count: number,
  tolerance: number,
  sums: Float64Array,
): void => {
  const coarse = new Float64Array(count);
  const fine = new Float64Array(count);
  let intervals = 0;
  let isFixed = false;
  const visit = (start: number, end: number, depth: number): void => {
    intervals++;
    if (!isFixed && intervals > MAX_INTERVALS) return;
    coarse.fill(0);
    fine.fill(0);
    const width = end - start;
    for (let k = 0; k < COARSE.nodes.length; k++)
      write(start + width * COARSE.nodes[k]!, width * COARSE.weights[k]!, coarse);
    for (let k = 0; k < FINE.nodes.length; k++) write(start + width * FINE.nodes[k]!, width * FINE.weights[k]!, fine);
    let accepted = !isFixed;
    for (let c = 0; c < count && accepted; c++) {
      const error = Math.abs(fine[c]! - coarse[c]!);
      if (error > tolerance * Math.max(1, Math.abs(sums[c]! + fine[c]!))) accepted = false;
    }
    if (accepted || depth === (isFixed ? FIXED_DEPTH : MAX_DEPTH)) {
      for (let c = 0; c < count; c++) sums[c]! += fine[c]!;
      return;
    }
    const middle = 0.5 * (start + end);
    visit(start, middle, depth + 1);
    visit(middle, end, depth + 1);
  };
  if (!(to > from)) return;
  const before = sums.slice();
  visit(from, to, 0);
  if (intervals <= MAX_INTERVALS) return;
  sums.set(before);
  isFixed = true;
  visit(from, to, 0);
};
