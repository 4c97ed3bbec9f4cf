const TOLERANCE = 1e-13;
/** Interpolation has found nearly all roots by then. Where the values jump or do not change, it is slower than bisection. */
const MAX_INTERPOLATIONS = 30;

export type RootRequest = {
  readonly valueAt: (x: number) => number;
  /** Two places with values of different signs, or with a value of 0. */
  readonly first: number;
  readonly atFirst: number;
  readonly second: number;
  readonly atSecond: number;
  /** Max number of values that are calculated. */
  readonly maxSteps: number;
};

/** `x` is undefined if the steps were not enough, or if a value is NaN. `value` is the one at `x`, which is not near 0 where the values jump. */
export type Root = { readonly x: number | undefined; readonly value: number; readonly steps: number };

/** The step to the next place from the best one, `b`; undefined if only a bisection is safe. */
const interpolate = (
  { a, b, c, atA, atB, atC }: Record<'a' | 'b' | 'c' | 'atA' | 'atB' | 'atC', number>,
  limit: number,
): number | undefined => {
  const half = 0.5 * (c - b);
  const s = atB / atA;
  let [p, q] = [2 * half * s, 1 - s];
  if (a !== c) {
    const [t, r] = [atA / atC, atB / atC];
    p = s * (2 * half * t * (t - r) - (b - a) * (r - 1));
    q = (t - 1) * (r - 1) * (s - 1);
  }
  if (p > 0) q = -q;
  else p = -p;
  const isInside = 2 * p < Math.min(3 * half * q - TOLERANCE * Math.abs(0.5 * b * q), Math.abs(limit * q));
  return isInside ? p / q : undefined;
};

/**
 * Finds x with valueAt(x) = 0 between two places, to a relative error of 1e-13: R. P. Brent, "Algorithms for Minimization
 * without Derivatives" (1973), chapter 4. A step is an inverse quadratic or linear interpolation, or a bisection where these do
 * not come nearer fast enough.
 */
export const rootBetween = ({ valueAt, first, atFirst, second, atSecond, maxSteps }: RootRequest): Root => {
  // `b` is the best place, `a` the one before it, and the root is between `b` and `c`.
  let [a, atA, b, atB] = [first, atFirst, second, atSecond];
  let [c, atC] = [a, atA];
  let step = b - a;
  let stepBefore = step;
  for (let steps = 0; ; steps += 1) {
    if (atB > 0 === atC > 0) {
      [c, atC] = [a, atA];
      step = b - a;
      stepBefore = step;
    }
    if (Math.abs(atC) < Math.abs(atB)) [a, atA, b, atB, c, atC] = [b, atB, c, atC, b, atB];
    const tolerance = 0.5 * TOLERANCE * Math.abs(b);
    const half = 0.5 * (c - b);
    if (atB === 0 || Math.abs(half) <= tolerance) return { x: b, value: atB, steps };
    if (steps === maxSteps) return { x: undefined, value: atB, steps };
    const mayInterpolate =
      steps < MAX_INTERPOLATIONS && Math.abs(stepBefore) >= tolerance && Math.abs(atA) > Math.abs(atB);
    const next = mayInterpolate ? interpolate({ a, b, c, atA, atB, atC }, stepBefore) : undefined;
    [stepBefore, step] = next === undefined ? [half, half] : [step, next];
    [a, atA] = [b, atB];
    b += Math.abs(step) > tolerance ? step : Math.sign(half) * tolerance;
    atB = valueAt(b);
    if (Number.isNaN(atB)) return { x: undefined, value: atB, steps: steps + 1 };
  }
};
