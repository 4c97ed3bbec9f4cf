import type { PutMarket } from './put-market.ts';
import { positionOf, type PanelTables } from './panel-mesh.ts';

/**
 * The quadrature points of the equations of one panel, node after node: the past times u at which the income of an
 * exercised put is summed. `rows` has for each point the index of the interpolation weights for a point inside the panel, else -1.
 */
export type CollocationPoints = {
  /** Times of the nodes in years to expiry, without the left end of the panel. */
  readonly nodeTimes: Float64Array;
  /** Points of each node. Point k of node i has the index i * perNode + k in the arrays below. */
  readonly perNode: number;
  /** Years to expiry at the point. */
  readonly times: Float64Array;
  /** Weights of the quadrature, in years. */
  readonly weights: Float64Array;
  /** Years between the point and its node: the s of `legs.ts`. */
  readonly elapsed: Float64Array;
  /** (rate - yield) s and volatility sqrt(s), no unit. */
  readonly drifts: Float64Array;
  readonly deviations: Float64Array;
  /** exp(-rate s) and exp(-yield s), no unit. */
  readonly rateDiscounts: Float64Array;
  readonly yieldDiscounts: Float64Array;
  readonly rows: Int32Array;
  /** [row][node]: the weights of the levels at the nodes of the panel, with the left end, row after row. */
  readonly interpolation: Float64Array;
};

export type FarPoints = { readonly times: readonly number[]; readonly weights: readonly number[] };

/**
 * Builds the points of the panel `from`..`to`. `nearFrom` is the start of the panel before it. The income has a root
 * singularity at the node, and the boundary one at expiry, so the rule substitutes the root of the time, or the square
 * of a sine where the near part reaches expiry.
 */
export const collocationPoints = (
  { rate, dividendYield, volatility }: PutMarket,
  tables: PanelTables,
  from: number,
  to: number,
  nearFrom: number,
  far: FarPoints,
): CollocationPoints => {
  const { nodes, positions, near, nearPoints, writeRow } = tables;
  const farCount = far.times.length;
  const perNode = farCount + nearPoints;
  const size = nodes * perNode;
  const columns = () => new Float64Array(size);
  const times = columns();
  const weights = columns();
  const elapsed = columns();
  const drifts = columns();
  const deviations = columns();
  const rateDiscounts = columns();
  const yieldDiscounts = columns();
  const rows = new Int32Array(size).fill(-1);
  const interpolation = new Float64Array(nodes * nearPoints * (nodes + 1));
  const start = Math.sqrt(from);
  const end = Math.sqrt(to);
  const nodeTimes = Float64Array.from({ length: nodes }, (_, i) =>
    i === nodes - 1 ? to : (0.5 * (start + end + (end - start) * positions[i + 1]!)) ** 2,
  );
  let row = 0;
  for (let i = 0; i < nodes; i++) {
    const nodeTime = nodeTimes[i]!;
    const span = nodeTime - nearFrom;
    for (let k = 0; k < perNode; k++) {
      const at = i * perNode + k;
      if (k < farCount) {
        times[at] = far.times[k]!;
        weights[at] = far.weights[k]!;
        elapsed[at] = nodeTime - far.times[k]!;
      } else {
        const x = near.nodes[k - farCount]!;
        const weight = near.weights[k - farCount]!;
        const angle = 0.5 * Math.PI * x;
        const fraction = nearFrom === 0 ? Math.cos(angle) ** 2 : x * x;
        elapsed[at] = span * fraction;
        times[at] = nearFrom === 0 ? span * Math.sin(angle) ** 2 : nodeTime - span * fraction;
        weights[at] = span * weight * (nearFrom === 0 ? 0.5 * Math.PI * Math.sin(2 * angle) : 2 * x);
        if (times[at] >= from) {
          rows[at] = row;
          writeRow(positionOf(times[at], from, to), interpolation, row * (nodes + 1));
          row++;
        }
      }
      const s = elapsed[at];
      drifts[at] = (rate - dividendYield) * s;
      deviations[at] = volatility * Math.sqrt(s);
      rateDiscounts[at] = Math.exp(-rate * s);
      yieldDiscounts[at] = Math.exp(-dividendYield * s);
    }
  }
  return {
    nodeTimes,
    perNode,
    times,
    weights,
    elapsed,
    drifts,
    deviations,
    rateDiscounts,
    yieldDiscounts,
    rows,
    interpolation,
  };
};
