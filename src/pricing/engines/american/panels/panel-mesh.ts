import { gaussLegendre } from '../../../math/gauss-legendre.ts';

/** Sizes of the discretisation of a boundary. */
export type MeshSize = {
  /** Collocation nodes of a panel, beside its left end. */
  readonly nodes: number;
  /** Quadrature points between a node and the start of the panel before its own. */
  readonly nearPoints: number;
  /** Quadrature points of each earlier panel. */
  readonly farPoints: number;
  /** Panels below the first 4^-levels of the time. */
  readonly levels: number;
};

/** Each panel ends at this multiple of its start. */
const RATIO = 4;
/** Max length of a panel in units of 1 / decay. */
const MAX_DECAY = 6;

/**
 * Ends of the panels over 0..time. The panels grow geometrically from expiry, because the boundary moves fast near
 * expiry on every scale. No panel is longer than the boundary needs to settle.
 */
export const panelEnds = (time: number, decay: number, levels: number): number[] => {
  const ends = [0, time * RATIO ** -levels];
  for (;;) {
    const from = ends.at(-1)!;
    const next = Math.min(from * RATIO, from + MAX_DECAY / Math.max(decay, 1e-300));
    // Without progress, or with NaN, the loop would not end.
    if (!(next > from && next <= 0.9 * time)) break;
    ends.push(next);
  }
  ends.push(time);
  return ends;
};

/** Tables that all panels share: Chebyshev-Lobatto nodes on -1..1, from left to right, and quadrature rules on 0..1. */
export type PanelTables = MeshSize & {
  readonly positions: Float64Array;
  readonly near: ReturnType<typeof gaussLegendre>;
  readonly far: ReturnType<typeof gaussLegendre>;
  /** Writes the weights of the interpolation at `z` in -1..1, one for each position, to `out` from `at` on. */
  readonly writeRow: (z: number, out: Float64Array, at: number) => void;
};

/**
 * Returns the tables of one size, which depend on no option. `positions` has nodes + 1 entries, -cos(pi i / nodes); `near` and
 * `far` are Gauss-Legendre rules of `nearPoints` and `farPoints`. The weights are those of the barycentric formula (Berrut and
 * Trefethen 2004, equation 5.4).
 */
export const createPanelTables = (size: MeshSize): PanelTables => {
  const { nodes } = size;
  const positions = Float64Array.from({ length: nodes + 1 }, (_, i) => -Math.cos((Math.PI * i) / nodes));
  const barycentric = Float64Array.from(
    { length: nodes + 1 },
    (_, i) => (i % 2 === 0 ? 1 : -1) * (i === 0 || i === nodes ? 0.5 : 1),
  );
  return {
    ...size,
    positions,
    near: gaussLegendre(size.nearPoints),
    far: gaussLegendre(size.farPoints),
    writeRow: (z, out, at) => {
      let sum = 0;
      for (let i = 0; i <= nodes; i++) {
        const gap = z - positions[i]!;
        if (gap === 0) {
          out.fill(0, at, at + nodes + 1);
          out[at + i] = 1;
          return;
        }
        const term = barycentric[i]! / gap;
        out[at + i] = term;
        sum += term;
      }
      for (let i = 0; i <= nodes; i++) out[at + i]! /= sum;
    },
  };
};

/** Position on -1..1 of the time `u` within a panel, which is linear in the root of the time. */
export const positionOf = (u: number, from: number, to: number): number => {
  const start = Math.sqrt(from);
  const end = Math.sqrt(to);
  return (2 * Math.sqrt(u) - start - end) / (end - start);
};
