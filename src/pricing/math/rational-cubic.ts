/**
 * Shape-preserving rational cubic on one interval: R. Delbourgo and J. A. Gregory, "Shape preserving piecewise rational
 * interpolation", SIAM J. Sci. Stat. Comput. 6 (1985), 967-976. The control parameter is chosen for a given second
 * derivative at one end, as in the appendix of P. Jaeckel, "Let's Be Rational" (2015). The parameters are positional
 * because the functions run in the inner loop of an inversion.
 */
const MAX_CONTROL = Number.MAX_VALUE;
const MIN_CONTROL = -(1 - Math.sqrt(Number.EPSILON));

/** Value at x of the cubic between xl and xr, with xl < xr, values yl, yr, slopes dl, dr and control parameter r. */
export const rationalCubic = (
  x: number,
  xl: number,
  xr: number,
  yl: number,
  yr: number,
  dl: number,
  dr: number,
  r: number,
): number => {
  const h = xr - xl;
  const t = (x - xl) / h;
  const u = 1 - t;
  if (r >= MAX_CONTROL) return yr * t + yl * u;
  return (
    (yr * t * t * t + (r * yr - h * dr) * t * t * u + (r * yl + h * dl) * t * u * u + yl * u * u * u) /
    (1 + (r - 3) * t * u)
  );
};

const minControl = (dl: number, dr: number, slope: number, preferShape: boolean): number => {
  const monotonic = dl * slope >= 0 && dr * slope >= 0;
  const bent = (dl <= slope && slope <= dr) || (dl >= slope && slope >= dr);
  if (!monotonic && !bent) return MIN_CONTROL;
  let first = -MAX_CONTROL;
  let second = -MAX_CONTROL;
  if (monotonic) {
    if (slope !== 0) first = (dr + dl) / slope;
    else if (preferShape) first = MAX_CONTROL;
  }
  if (bent) {
    if (slope !== dl && slope !== dr)
      second = Math.max(Math.abs((dr - dl) / (dr - slope)), Math.abs((dr - dl) / (slope - dl)));
    else if (preferShape) second = MAX_CONTROL;
  } else if (preferShape) second = MAX_CONTROL;
  return Math.max(MIN_CONTROL, first, second);
};

const quotient = (numerator: number, denominator: number): number => {
  if (numerator === 0) return 0;
  if (denominator === 0) return numerator > 0 ? MAX_CONTROL : -MAX_CONTROL;
  return numerator / denominator;
};

/**
 * The control parameter at which the second derivative is `second` at the left end (`side` -1) or at the right end (1).
 * `h` is the length of the interval, `rise` the difference of the values, `dl` and `dr` the slopes at the ends.
 */
export const controlFor = (
  side: -1 | 1,
  h: number,
  rise: number,
  dl: number,
  dr: number,
  second: number,
  preferShape: boolean,
): number => {
  const slope = rise / h;
  const r = quotient(0.5 * h * second + (dr - dl), side < 0 ? slope - dl : dr - slope);
  return Math.max(r, minControl(dl, dr, slope, preferShape));
};
