/**
 * Shape-preserving rational cubic on one interval: R. Delbourgo and J. A. Gregory, "Shape preserving piecewise rational
 * interpolation", SIAM J. Sci. Stat. Comput. 6 (1985), 967-976, with the control parameter chosen to meet a second
 * derivative at one end as in P. Jaeckel, "Let's Be Rational" (2015), appendix.
 */
const LARGEST = Number.MAX_VALUE;
const LEAST_CONTROL = -(1 - Math.sqrt(Number.EPSILON));

/** Ends xl < xr with values yl, yr, slopes dl, dr and control parameter r. */
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
  if (r >= LARGEST) return yr * t + yl * u;
  return (
    (yr * t * t * t + (r * yr - h * dr) * t * t * u + (r * yl + h * dl) * t * u * u + yl * u * u * u) /
    (1 + (r - 3) * t * u)
  );
};

const leastControl = (dl: number, dr: number, slope: number, preferShape: boolean): number => {
  const monotonic = dl * slope >= 0 && dr * slope >= 0;
  const bent = (dl <= slope && slope <= dr) || (dl >= slope && slope >= dr);
  if (!monotonic && !bent) return LEAST_CONTROL;
  let first = -LARGEST;
  let second = -LARGEST;
  if (monotonic) {
    if (slope !== 0) first = (dr + dl) / slope;
    else if (preferShape) first = LARGEST;
  }
  if (bent) {
    if (slope !== dl && slope !== dr)
      second = Math.max(Math.abs((dr - dl) / (dr - slope)), Math.abs((dr - dl) / (slope - dl)));
    else if (preferShape) second = LARGEST;
  } else if (preferShape) second = LARGEST;
  return Math.max(LEAST_CONTROL, first, second);
};

const control = (numerator: number, denominator: number): number => {
  if (numerator === 0) return 0;
  if (denominator === 0) return numerator > 0 ? LARGEST : -LARGEST;
  return numerator / denominator;
};

/** The control parameter at which the second derivative is `second` at the left end (`side` -1) or the right (1). */
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
  const r = control(0.5 * h * second + (dr - dl), side < 0 ? slope - dl : dr - slope);
  return Math.max(r, leastControl(dl, dr, slope, preferShape));
};
