/**
 * Values on a uniform grid of y = ln(spot / centre). Node i is at `(i - middle) * step`; the step is negative for a call.
 * The grid need not hold the centre.
 */
export type GridValues = {
  readonly values: Float64Array;
  /** The spot at each node in units of the centre. */
  readonly ratios: Float64Array;
  readonly centre: number;
  readonly middle: number;
  readonly step: number;
  /** The value if the spot is 0. */
  readonly atZero: number;
};

/**
 * Value at a spot: cubic interpolation in y. Outside the grid the value is linear in the spot, because options have no time
 * value there: above it by the last two nodes, and below it between the value at no spot and the lowest node.
 */
export const valueAt = ({ values, ratios, centre, middle, step, atZero }: GridValues, spot: number): number => {
  const last = values.length - 1;
  const ratio = spot / centre;
  if (!(ratio > 0)) return atZero;
  const at = Math.log(ratio) / step + middle;
  if (at <= 0 || at >= last) {
    const isLow = at <= 0 === step > 0;
    if (!isLow) return linear(values, ratios, at <= 0 ? 0 : last - 1, ratio);
    const edge = at <= 0 ? 0 : last;
    return atZero + ((values[edge]! - atZero) * ratio) / ratios[edge]!;
  }
  const i = Math.min(Math.max(Math.floor(at), 1), last - 2);
  const t = at - i;
  const below = values[i - 1]!;
  const here = values[i]!;
  const next = values[i + 1]!;
  const above = values[i + 2]!;
  return (
    (-t * (t - 1) * (t - 2) * below) / 6 +
    ((t + 1) * (t - 1) * (t - 2) * here) / 2 -
    ((t + 1) * t * (t - 2) * next) / 2 +
    ((t + 1) * t * (t - 1) * above) / 6
  );
};

const linear = (values: Float64Array, ratios: Float64Array, i: number, ratio: number): number =>
  values[i]! + ((values[i + 1]! - values[i]!) * (ratio - ratios[i]!)) / (ratios[i + 1]! - ratios[i]!);

/**
 * Corrects a kink between two nodes, at `share` of their distance, where the slope changes by `turn` per node. Values at nodes
 * alone represent it with an error of second order that depends on the share, so that prices would not be smooth. The
 * correction conserves the second moment of the kink.
 */
const correctKink = (values: Float64Array, before: number, share: number, turn: number): void => {
  const excess = 0.5 * turn * share * (1 - share);
  values[before]! -= excess * (1 - share);
  values[before + 1]! -= excess * share;
};

/**
 * Takes the larger of the value and the exercise at each node. The result has a kink between two nodes where the exercise
 * ends, which is corrected if `corrected`.
 */
export const exerciseAtNodes = (
  values: Float64Array,
  exerciseAt: (node: number) => number,
  corrected: boolean,
): void => {
  let before = exerciseAt(0) - values[0]!;
  if (before > 0) values[0]! += before;
  for (let i = 1; i < values.length; i++) {
    const gain = exerciseAt(i) - values[i]!;
    if (gain > 0) values[i]! += gain;
    else if (before > 0 && corrected) {
      correctKink(values, i - 1, before / (before - gain), before - gain);
      return;
    } else return;
    before = gain;
  }
};

/** Corrects the kink of a put where the dividend is the spot: below it, the value is that at no spot. */
export const correctPaidOut = (
  values: Float64Array,
  { values: after, ratios, centre, atZero }: GridValues,
  node: number,
  dividendPerNode: number,
): void => {
  const before = Math.floor(node);
  if (before < 0 || before >= values.length - 1) return;
  const slope = (after[0]! - atZero) / (ratios[0]! * centre);
  correctKink(values, before, node - before, slope * dividendPerNode);
};
