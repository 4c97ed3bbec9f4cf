import test from 'ava';
import { dampedStep } from '#src/pricing/calibration/fit/least-squares.ts';
import {
  fitLeastSquares,
  type LeastSquaresFit,
  type Residuals,
} from '#src/pricing/calibration/fit/levenberg-marquardt.ts';
import { singularValuesOf } from '#src/pricing/calibration/fit/singular-values.ts';

const finished = (steps: ReturnType<typeof fitLeastSquares>): LeastSquaresFit | undefined => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

/** Rosenbrock's valley, with its min at (1, 1). */
const valley: Residuals = function* (point, residuals, columns) {
  const [x, y] = point as unknown as [number, number];
  residuals.set([10 * (y - x * x), 1 - x]);
  columns[0]!.set([-20 * x, -1]);
  columns[1]!.set([10, 0]);
  yield;
  return 'finite';
};
const fitValley = (lower: number[], upper: number[], maxIterations = 200, maxEvaluations = 1_000) =>
  finished(
    fitLeastSquares({
      residuals: valley,
      count: 2,
      start: Float64Array.from([-1.2, 1]),
      lower: Float64Array.from(lower),
      upper: Float64Array.from(upper),
      maxIterations,
      maxEvaluations,
      smallResidual: 1e-12,
    }),
  )!;

test('the fit finds the min inside the bounds, and the min on a bound', (t) => {
  const inside = fitValley([-5, -5], [5, 5]);
  t.is(inside.stopReason, 'residual_small');
  t.deepEqual(
    [...inside.point].map((value) => Number(value.toFixed(9))),
    [1, 1],
  );
  const bounded = fitValley([-5, -5], [0.5, 5]);
  t.true(['gradient_small', 'step_small'].includes(bounded.stopReason));
  t.is(bounded.point[0], 0.5);
  t.true(Math.abs(bounded.point[1]! - 0.25) < 1e-9);
  t.is(fitValley([-5, -5], [5, 5], 3).stopReason, 'max_iterations');
  t.like(fitValley([-5, -5], [5, 5], 200, 4), { stopReason: 'work_limit', evaluations: 4 });
});

test('residuals without a finite value end a fit at the start, and shorten a step later', (t) => {
  const broken: Residuals = function* (point, residuals, columns) {
    yield;
    residuals.set([point[0]! - 3]);
    columns[0]!.set([1]);
    return point[0]! < 2 ? 'finite' : 'not_finite';
  };
  const problem = { residuals: broken, count: 1, maxIterations: 100, maxEvaluations: 200, smallResidual: 1e-12 };
  const bounds = { lower: Float64Array.of(0), upper: Float64Array.of(10) };
  t.is(finished(fitLeastSquares({ ...problem, ...bounds, start: Float64Array.of(5) })), undefined);
  const fit = finished(fitLeastSquares({ ...problem, ...bounds, start: Float64Array.of(0) }))!;
  t.true(fit.point[0]! > 1.9 && fit.point[0]! < 2);
  t.true(['no_progress', 'max_iterations'].includes(fit.stopReason), fit.stopReason);
});

test('a damped step solves least squares, and singular values keep the small one', (t) => {
  const columns = [Float64Array.of(1, 1, 1), Float64Array.of(1, 2, 3)];
  // The line through -1, -2, -3 is the negative of the second column.
  const step = dampedStep(columns, Float64Array.of(1, 2, 3), [1, 1], 0);
  t.true(Math.abs(step[0]!) < 1e-14 && Math.abs(step[1]! + 1) < 1e-14);
  t.true(Math.abs(dampedStep(columns, Float64Array.of(1, 2, 3), [1, 1], 1e6)[1]!) < 1e-4);
  const { values } = singularValuesOf([Float64Array.of(1, 0), Float64Array.of(1, 1e-10)]);
  const [small, large] = [...values].toSorted((left, right) => left - right) as [number, number];
  t.true(Math.abs(large - Math.SQRT2) < 1e-12);
  t.true(Math.abs(small / (1e-10 / Math.SQRT2) - 1) < 1e-5);
});
