/** Values on a uniform grid of y = ln(spot / centre). Node i is at `(i - middle) * step`; the step is negative for a call. */
export type GridValues = {
  readonly values: Float64Array;
  /** The spot at each node in units of the centre. */
  readonly ratios: Float64Array;
  readonly centre: number;
  readonly step: number;
};

/** Value at a spot: cubic interpolation in y, and linear in the spot outside the grid, where options have no time value. */
export const valueAt = ({ values, ratios, centre, step }: GridValues, spot: number): number => {
  const last = values.length - 1;
  const ratio = spot / centre;
  const at = ratio > 0 ? Math.log(ratio) / step + 0.5 * last : Infinity * -step;
  if (at <= 0) return linear(values, ratios, 0, ratio);
  if (at >= last) return linear(values, ratios, last - 1, ratio);
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
 * Takes the larger of the value and the exercise at each node. The result has a kink between two nodes where the exercise
 * ends. Values at nodes alone represent it with an error of second order that depends on where it is between them, so that
 * prices would not be smooth. If `corrected`, the two nodes get a correction that conserves the second moment of the kink.
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
      const turn = before - gain;
      const share = before / turn;
      const excess = 0.5 * turn * share * (1 - share);
      values[i - 1]! -= excess * (1 - share);
      values[i]! -= excess * share;
      return;
    } else return;
    before = gain;
  }
};
