import { gaussLegendre } from '../../math/gauss-legendre.ts';

export type SchemeSize = {
  /** Collocation intervals; there is one node more. */
  readonly intervals: number;
  /** Min and max number of fixed-point steps. */
  readonly minSteps: number;
  readonly maxSteps: number;
  /** The steps end when the expected error of the price, in units of the strike, is below this. */
  readonly stepTolerance: number;
  /** Quadrature points of the boundary equation. */
  readonly points: number;
  /** Quadrature points of the early-exercise premium, and those for a spot close to the boundary. */
  readonly premiumPoints: number;
  readonly closePoints: number;
};

const MAX_STEPS = 40;

/** Sizes by name. With converged steps the error of each grows with the rate and the yield times the time. */
export const schemeSizes = {
  small: {
    intervals: 7,
    minSteps: 3,
    maxSteps: MAX_STEPS,
    stepTolerance: 3e-6,
    points: 9,
    premiumPoints: 20,
    closePoints: 40,
  },
  medium: {
    intervals: 8,
    minSteps: 3,
    maxSteps: MAX_STEPS,
    stepTolerance: 3e-7,
    points: 10,
    premiumPoints: 24,
    closePoints: 72,
  },
  large: {
    intervals: 12,
    minSteps: 4,
    maxSteps: MAX_STEPS,
    stepTolerance: 1e-7,
    points: 19,
    premiumPoints: 44,
    closePoints: 96,
  },
} as const satisfies Readonly<Record<string, SchemeSize>>;

/**
 * The tables that do not depend on the option. With u = time * sin^2(angle) the boundary is needed at sqrt(u). Its
 * position relative to the collocation nodes is the same for every option. Interpolation is therefore a product with a
 * constant matrix.
 */
export type Scheme = SchemeSize & {
  /** sqrt(time of node / time of the option), from 1 down to 0. */
  readonly roots: Float64Array;
  /** For each quadrature point: cos and sin of the angle, and the weight, which includes the factor 2 sin cos. */
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
  readonly weights: Float64Array;
  /** Flat matrix [node][point][node of the interpolant]. */
  readonly interpolation: Float64Array;
  readonly premium: PremiumRule;
  readonly closePremium: PremiumRule;
};

/** The quadrature of the early-exercise premium, as for the boundary but at the time of the option only. */
type PremiumRule = {
  readonly cosines: Float64Array;
  readonly weights: Float64Array;
  readonly interpolation: Float64Array;
};

/**
 * Barycentric weights of Chebyshev-Lobatto interpolation at `z` in -1..1. There is one weight for each node
 * cos(i pi / intervals).
 */
const lobattoRow = (z: number, intervals: number): number[] => {
  const terms = Array.from({ length: intervals + 1 }, (_, i) => {
    const sign = (i % 2 === 0 ? 1 : -1) * (i === 0 || i === intervals ? 0.5 : 1);
    const gap = z - Math.cos((Math.PI * i) / intervals);
    return gap === 0 ? Infinity : sign / gap;
  });
  if (terms.includes(Infinity)) return terms.map((term) => (term === Infinity ? 1 : 0));
  const sum = terms.reduce((total, term) => total + term, 0);
  return terms.map((term) => term / sum);
};

const angles = (size: number) => {
  const { nodes, weights } = gaussLegendre(size);
  const half = Math.PI / 2;
  const cosines = nodes.map((x) => Math.cos(half * x));
  const sines = nodes.map((x) => Math.sin(half * x));
  return { cosines, sines, weights: weights.map((weight, k) => half * weight * 2 * cosines[k]! * sines[k]!) };
};

/** Builds the tables for a scheme of the given size. */
export const createScheme = (size: SchemeSize): Scheme => {
  const { intervals } = size;
  const roots = Float64Array.from({ length: intervals + 1 }, (_, i) => 0.5 * (1 + Math.cos((Math.PI * i) / intervals)));
  const boundary = angles(size.points);
  const rowsAt = (root: number, sines: Float64Array): number[] =>
    [...sines].flatMap((sine) => lobattoRow(2 * root * sine - 1, intervals));
  const premiumRule = (points: number): PremiumRule => {
    const { cosines, sines, weights } = angles(points);
    return { cosines, weights, interpolation: Float64Array.from(rowsAt(1, sines)) };
  };
  return {
    ...size,
    roots,
    cosines: boundary.cosines,
    sines: boundary.sines,
    weights: boundary.weights,
    interpolation: Float64Array.from([...roots].flatMap((root) => rowsAt(root, boundary.sines))),
    premium: premiumRule(size.premiumPoints),
    closePremium: premiumRule(size.closePoints),
  };
};
