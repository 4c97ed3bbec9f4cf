import { gaussLegendre } from '../../math/gauss-legendre.ts';

export const precisions = ['fast', 'default', 'high'] as const;
export type Precision = (typeof precisions)[number];

export type SchemeSize = {
  /** Collocation intervals; there is one node more. */
  readonly intervals: number;
  /** Fixed-point steps. */
  readonly steps: number;
  /** Quadrature points of the boundary equation. */
  readonly points: number;
  /** Quadrature points of the early-exercise premium. */
  readonly premiumPoints: number;
};

export const schemeSizes: Readonly<Record<Precision, SchemeSize>> = {
  fast: { intervals: 7, steps: 4, points: 9, premiumPoints: 20 },
  default: { intervals: 8, steps: 6, points: 10, premiumPoints: 24 },
  high: { intervals: 12, steps: 13, points: 19, premiumPoints: 44 },
};

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
  readonly premiumCosines: Float64Array;
  readonly premiumWeights: Float64Array;
  readonly premiumInterpolation: Float64Array;
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
  const premium = angles(size.premiumPoints);
  const rowsAt = (root: number, sines: Float64Array): number[] =>
    [...sines].flatMap((sine) => lobattoRow(2 * root * sine - 1, intervals));
  return {
    ...size,
    roots,
    cosines: boundary.cosines,
    sines: boundary.sines,
    weights: boundary.weights,
    interpolation: Float64Array.from([...roots].flatMap((root) => rowsAt(root, boundary.sines))),
    premiumCosines: premium.cosines,
    premiumWeights: premium.weights,
    premiumInterpolation: Float64Array.from(rowsAt(1, premium.sines)),
  };
};
