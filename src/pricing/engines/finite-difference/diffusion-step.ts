/**
 * One time step of the equation U_t + (volatility^2 / 2) (U_yy - U_y) = 0 on a uniform grid of y, backward in time, with
 * the method TR-BDF2: R. Bank et al., "Transient simulation of silicon devices and circuits", IEEE Trans. Electron
 * Devices 32 (1985), 2070-2085. It is of second order, and it damps the kinks of payoffs and dividends.
 *
 * Node 0 is the edge where the option is deepest in the money: the lowest y of a put, the highest y of a call. The
 * early exercise is solved exactly by the elimination of M. Brennan and E. Schwartz, "The valuation of American put
 * options", J. Finance 32 (1977), 449-462, because all exercised nodes are next to that edge.
 */

const GAMMA = 2 - Math.SQRT2;
/** The weights of the second stage. */
const MIDDLE_WEIGHT = 1 / (GAMMA * (2 - GAMMA));
const OLD_WEIGHT = (1 - GAMMA) ** 2 / (GAMMA * (2 - GAMMA));

/** The share of the step after which the first stage ends. */
export const firstStageShare = GAMMA;

/** Buffers of the steps, as long as the values. */
export type StepBuffers = {
  readonly middle: Float64Array;
  readonly right: Float64Array;
  readonly inverse: Float64Array;
};

/**
 * Weights of the neighbours in the operator, per unit of variance volatility^2 times time: `inner` towards node 0,
 * `outer` away from it. Constants and multiples of the spot, which is exp(y), are exact solutions with these weights.
 */
export const neighbourWeights = (h: number, sign: number): { readonly inner: number; readonly outer: number } => {
  const below = 0.5 / (h * -Math.expm1(-h));
  const above = 0.5 / (h * Math.expm1(h));
  return sign < 0 ? { inner: below, outer: above } : { inner: above, outer: below };
};

/**
 * The inverse pivots of the elimination from the last node to the first. They converge after some nodes, because the
 * coefficients are the same in each row.
 */
const fillPivots = (inverse: Float64Array, diagonal: number, product: number): void => {
  const last = inverse.length - 1;
  let value = 1 / diagonal;
  inverse[last - 1] = value;
  let i = last - 2;
  for (; i > 0; i--) {
    const next = 1 / (diagonal - product * value);
    inverse[i] = next;
    if (next === value) break;
    value = next;
  }
  for (; i > 0; i--) inverse[i] = value;
};

/** The obstacle at node i is `bySpot` times `spots[i]` plus `constant`. A European option has the constant -Infinity. */
type Obstacle = { readonly bySpot: number; readonly constant: number };

/** Solves the rows of one stage into `values`. The right sides are in `right`. The edges keep their values. */
const solveRows = (
  values: Float64Array,
  { right, inverse }: StepBuffers,
  inner: number,
  outer: number,
  spots: Float64Array,
  bySpot: number,
  constant: number,
): void => {
  const last = values.length - 1;
  let carried = right[last - 1]! + outer * values[last]!;
  right[last - 1] = carried;
  for (let i = last - 2; i > 0; i--) {
    carried = right[i]! + outer * inverse[i + 1]! * carried;
    right[i] = carried;
  }
  let value = Math.max(values[0]!, bySpot * spots[0]! + constant);
  values[0] = value;
  for (let i = 1; i < last; i++) {
    const free = (right[i]! + inner * value) * inverse[i]!;
    const exercised = bySpot * spots[i]! + constant;
    value = free > exercised ? free : exercised;
    values[i] = value;
  }
};

/**
 * Moves `values` back in time by one step. `variance` is the squared volatility times the length of the step.
 * @param middleObstacle the payoff of an exercise at the end of the first stage
 * @param endObstacle the payoff of an exercise at the end of the step
 */
export const stepBack = (
  values: Float64Array,
  buffers: StepBuffers,
  { inner, outer }: { readonly inner: number; readonly outer: number },
  variance: number,
  spots: Float64Array,
  middleObstacle: Obstacle,
  endObstacle: Obstacle,
): void => {
  const { middle, right, inverse } = buffers;
  const share = 0.5 * GAMMA * variance;
  const p = share * inner;
  const s = share * outer;
  const diagonal = 1 + p + s;
  fillPivots(inverse, diagonal, p * s);
  const last = values.length - 1;
  const centre = 1 - p - s;
  for (let i = 1; i < last; i++) right[i] = p * values[i - 1]! + centre * values[i]! + s * values[i + 1]!;
  middle[0] = values[0]!;
  middle[last] = values[last]!;
  solveRows(middle, buffers, p, s, spots, middleObstacle.bySpot, middleObstacle.constant);
  for (let i = 1; i < last; i++) right[i] = MIDDLE_WEIGHT * middle[i]! - OLD_WEIGHT * values[i]!;
  solveRows(values, buffers, p, s, spots, endObstacle.bySpot, endObstacle.constant);
};
