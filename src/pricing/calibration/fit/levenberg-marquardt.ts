import type { Steps } from '#src/kernel/streams/turns.ts';
import { dampedStep } from './least-squares.ts';

/** `stopped`: the work limit was reached, so the values are not complete. */
type Evaluation = 'finite' | 'not_finite' | 'stopped';

/** Writes the residuals at `point` and their derivatives, a column for each parameter, in small steps. */
export type Residuals = (
  point: Float64Array,
  residuals: Float64Array,
  columns: readonly Float64Array[],
) => Steps<Evaluation>;

/** `residual_small`, `gradient_small` and `step_small` mean that the point is a min. */
type StopReason = 'residual_small' | 'gradient_small' | 'step_small' | 'max_iterations' | 'no_progress' | 'work_limit';

export type LeastSquaresProblem = {
  readonly residuals: Residuals;
  /** Number of residuals. */
  readonly count: number;
  readonly start: Float64Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly maxIterations: number;
  /** Max number of points at which the residuals are calculated. */
  readonly maxEvaluations: number;
  /** The fit ends at a root mean square of the residuals below this. */
  readonly smallResidual: number;
};

export type LeastSquaresFit = {
  readonly point: Float64Array;
  readonly residuals: Float64Array;
  readonly columns: readonly Float64Array[];
  readonly sumOfSquares: number;
  readonly iterations: number;
  /** Number of points at which the residuals were calculated. */
  readonly evaluations: number;
  /** Max cosine of the angle between the residuals and a column whose parameter can move. It is 0 at a min. */
  readonly gradient: number;
  readonly stopReason: StopReason;
};

const SMALL_GRADIENT = 1e-8;
/** A step below the digits of the numbers ends the fit. It is at a min if the gradient is small at least to this. */
const SMALL_STEP = 1e-11;
const FLAT_GRADIENT = 1e-5;
const FIRST_DAMPING = 1e-3;
const MAX_DAMPING = 1e14;
const MIN_GAIN = 1e-4;
/** The damping falls to a third at most after one step (H. B. Nielsen, 1999). */
const MIN_RELIEF = 1 / 3;

const squareOf = (values: Float64Array): number => {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
};

const dot = (left: Float64Array, right: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!;
  return sum;
};

type State = { point: Float64Array; residuals: Float64Array; columns: Float64Array[] };

/**
 * K. Levenberg (1944) and D. W. Marquardt (1963) with bounds: parameters at a bound that the gradient pushes outwards stay
 * there, the others are moved by a damped step, which is projected on the bounds. The columns are scaled by their max
 * length so far, so the fit does not depend on the units of the parameters.
 * @returns undefined if the residuals have no finite value at the start, or if the work limit was reached before it
 */
export const fitLeastSquares = function* (problem: LeastSquaresProblem): Steps<LeastSquaresFit | undefined> {
  const { residuals: evaluate, count, lower, upper, maxIterations, maxEvaluations } = problem;
  const size = lower.length;
  const emptyState = (point: Float64Array): State => ({
    point,
    residuals: new Float64Array(count),
    columns: Array.from({ length: size }, () => new Float64Array(count)),
  });
  let now = emptyState(problem.start.map((value, k) => Math.min(Math.max(value, lower[k]!), upper[k]!)));
  let trial = emptyState(new Float64Array(size));
  if ((yield* evaluate(now.point, now.residuals, now.columns)) !== 'finite') return undefined;
  let square = squareOf(now.residuals);
  let evaluations = 1;
  let damping = FIRST_DAMPING;
  let growth = 2;
  const scales = new Float64Array(size);

  /** The parameters that can move downhill, and the max cosine of the residuals and their columns. */
  const look = (): { readonly free: number[]; readonly gradient: number } => {
    const free: number[] = [];
    let gradient = 0;
    for (let k = 0; k < size; k++) {
      const slope = dot(now.columns[k]!, now.residuals);
      const length = Math.sqrt(squareOf(now.columns[k]!));
      scales[k] = Math.max(scales[k]!, length);
      const at = now.point[k]!;
      if (length === 0 || (at <= lower[k]! && slope >= 0) || (at >= upper[k]! && slope <= 0)) continue;
      free.push(k);
      gradient = Math.max(gradient, Math.abs(slope) / (length * Math.sqrt(square)));
    }
    return { free, gradient: square === 0 ? 0 : gradient };
  };

  /** Puts the next point into `trial`. @returns the length of the step and the fall of the squares that it predicts */
  const move = (free: readonly number[]): { readonly length: number; readonly predicted: number } => {
    const columns = free.map((k) => now.columns[k]!);
    const step = dampedStep(
      columns,
      now.residuals,
      free.map((k) => scales[k]!),
      damping,
    );
    trial.point.set(now.point);
    const image = now.residuals.slice();
    let length = 0;
    free.forEach((k, j) => {
      const value = Math.min(Math.max(now.point[k]! + step[j]!, lower[k]!), upper[k]!);
      trial.point[k] = value;
      const moved = value - now.point[k]!;
      length = Math.max(length, Math.abs(moved) / (Math.abs(value) + SMALL_STEP));
      for (let i = 0; i < count; i++) image[i]! += moved * columns[j]![i]!;
    });
    return { length, predicted: square - squareOf(image) };
  };

  let iterations = 0;
  let { free, gradient } = look();
  let stopReason: StopReason | undefined;
  while (stopReason === undefined) {
    if (Math.sqrt(square / count) <= problem.smallResidual) stopReason = 'residual_small';
    else if (free.length === 0 || gradient <= SMALL_GRADIENT) stopReason = 'gradient_small';
    else if (iterations >= maxIterations) stopReason = 'max_iterations';
    else if (evaluations >= maxEvaluations) stopReason = 'work_limit';
    if (stopReason !== undefined) break;
    iterations += 1;
    const { length, predicted } = move(free);
    if (length <= SMALL_STEP || damping > MAX_DAMPING) {
      stopReason = gradient <= FLAT_GRADIENT ? 'step_small' : 'no_progress';
      break;
    }
    evaluations += 1;
    const evaluation = yield* evaluate(trial.point, trial.residuals, trial.columns);
    if (evaluation === 'stopped') {
      stopReason = 'work_limit';
      break;
    }
    const trialSquare = evaluation === 'finite' ? squareOf(trial.residuals) : Infinity;
    const gain = predicted > 0 ? (square - trialSquare) / predicted : -1;
    if (gain > MIN_GAIN) {
      [now, trial] = [trial, now];
      square = trialSquare;
      damping *= Math.max(MIN_RELIEF, 1 - (2 * gain - 1) ** 3);
      growth = 2;
      ({ free, gradient } = look());
    } else {
      damping *= growth;
      growth *= 2;
    }
  }
  const { point, residuals, columns } = now;
  return { point, residuals, columns, sumOfSquares: square, iterations, evaluations, gradient, stopReason };
};
