import type { CalibrationStopReason } from '#src/kernel/catalogue/pricing-models.ts';
import { hestonNames, type HestonName } from '../engines/heston/heston-gradient.ts';
import type { LeastSquaresFit } from './fit/levenberg-marquardt.ts';
import { singularValuesOf } from './fit/singular-values.ts';

const reasonsOfMin: ReadonlySet<CalibrationStopReason> = new Set(['residual_small', 'gradient_small', 'step_small']);

export type Diagnostics = {
  /** The fit is a min, no parameter is at a bound, and the quotes determine all parameters. */
  readonly converged: boolean;
  readonly stop_reason: CalibrationStopReason;
  readonly at_bounds: readonly { readonly parameter: HestonName; readonly bound: 'lower' | 'upper' }[];
  readonly feller: { readonly satisfied: boolean; readonly ratio: number };
  /**
   * Max derivative of half the mean square error by a parameter that can move. Each is scaled so that the root mean square
   * of the derivatives of the errors is 1.
   */
  readonly gradient_norm: number;
  /** Condition number of the derivatives, each scaled to length 1. Null if they do not determine all parameters. */
  readonly condition_number: number | null;
  /** Null where the quotes do not determine a parameter, where it is at a bound, and without more quotes than parameters. */
  readonly standard_errors: Readonly<Record<HestonName, number | null>>;
};

/** A parameter is at a bound if it is within this share of the distance of the bounds, */
const DISTANCE_SHARE = 1e-6;
/** and within this share of the bound, because far bounds leave many usual values within the other share of a small one. */
const BOUND_SHARE = 1e-3;
/** Above this condition number changes of the parameters are below the accuracy of the prices. */
const MAX_CONDITION = 1e8;

const lengthOf = (column: Float64Array): number => Math.hypot(...column);

/** Scaled singular values of the columns; undefined if they do not determine their parameters. */
const analyse = (columns: readonly Float64Array[], count: number) => {
  const lengths = columns.map(lengthOf);
  if (count < columns.length || lengths.some((length) => length === 0)) return undefined;
  const scaled = columns.map((column, k) => column.map((value) => value / lengths[k]!));
  const { values, vectors } = singularValuesOf(scaled);
  const condition = Math.max(...values) / Math.min(...values);
  return condition <= MAX_CONDITION ? { lengths, values, vectors, condition } : undefined;
};

const stopReasonOf = (
  stopReason: CalibrationStopReason,
  isAtBound: boolean,
  isIdentified: boolean,
): CalibrationStopReason => {
  if (!reasonsOfMin.has(stopReason)) return stopReason;
  if (!isIdentified) return 'not_identified';
  return isAtBound ? 'at_bound' : stopReason;
};

/** Only rho can have the bound 0. Its other values are not small beside the distance of its bounds. */
const isNear = (value: number, bound: number, distance: number): boolean => {
  const near = DISTANCE_SHARE * distance;
  return Math.abs(value - bound) <= (bound === 0 ? near : Math.min(near, BOUND_SHARE * Math.abs(bound)));
};

/** What a fit says about its parameters. */
export const diagnose = (fit: LeastSquaresFit, lower: Float64Array, upper: Float64Array): Diagnostics => {
  const { point, columns, residuals, sumOfSquares, gradient } = fit;
  const bounds = hestonNames.map((_, k) => {
    const distance = upper[k]! - lower[k]!;
    if (isNear(point[k]!, lower[k]!, distance)) return 'lower';
    return isNear(point[k]!, upper[k]!, distance) ? 'upper' : undefined;
  });
  const atBounds = hestonNames.flatMap((parameter, k) => {
    const bound = bounds[k];
    return bound === undefined ? [] : [{ parameter, bound } as const];
  });
  const all = analyse(columns, residuals.length);
  // The parameters at a bound are given, so the errors are those of the others.
  const free = hestonNames.flatMap((_, k) => (bounds[k] === undefined ? [k] : []));
  const part =
    free.length === 0
      ? undefined
      : analyse(
          free.map((k) => columns[k]!),
          residuals.length,
        );
  const excess = residuals.length - free.length;
  const errorOf = (k: number): number | null => {
    const at = free.indexOf(k);
    if (at < 0 || part === undefined || excess <= 0) return null;
    const { lengths, values, vectors } = part;
    let sum = 0;
    for (let j = 0; j < values.length; j++) sum += (vectors[j]![at]! / values[j]!) ** 2;
    return Math.sqrt((sumOfSquares / excess) * sum) / lengths[at]!;
  };
  const stopReason = stopReasonOf(fit.stopReason, atBounds.length > 0, all !== undefined);
  const [, kappa, theta, sigma] = point as unknown as [number, number, number, number, number];
  const ratio = (2 * kappa * theta) / (sigma * sigma);
  return {
    converged: reasonsOfMin.has(stopReason),
    stop_reason: stopReason,
    at_bounds: atBounds,
    feller: { satisfied: ratio >= 1, ratio },
    gradient_norm: gradient * Math.sqrt(sumOfSquares / residuals.length),
    condition_number: all?.condition ?? null,
    standard_errors: Object.fromEntries(hestonNames.map((name, k) => [name, errorOf(k)])) as Record<
      HestonName,
      number | null
    >,
  };
};
