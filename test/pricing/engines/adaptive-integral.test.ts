import test from 'ava';
import { addIntegral, maxEvaluations, type Integrand } from '#src/pricing/math/adaptive-integral.ts';

const integrate = (f: (x: number) => number, from: number, to: number, tolerance: number) => {
  let evaluations = 0;
  const write: Integrand = (x, weight, out) => {
    evaluations += 1;
    out[0]! += weight * f(x);
  };
  const sums = new Float64Array(1);
  addIntegral(write, from, to, 1, tolerance, sums);
  return { sum: sums[0]!, evaluations };
};

test('smooth functions and those with a kink or a peak are integrated within the tolerance', (t) => {
  for (const [f, from, to, expected] of [
    [Math.exp, 0, 1, Math.E - 1],
    [Math.sqrt, 0, 1, 2 / 3],
    [(x: number) => Math.abs(x - 0.3), 0, 1, 0.5 * (0.09 + 0.49)],
    [(x: number) => 1 / (1e-4 + x * x), -1, 1, 200 * Math.atan(100)],
  ] as const) {
    const { sum, evaluations } = integrate(f, from, to, 1e-11);
    t.true(Math.abs(sum - expected) < 1e-9 * Math.max(1, expected), `${sum} ${expected}`);
    t.true(evaluations < maxEvaluations);
  }
  t.deepEqual(integrate(Math.exp, 1, 1, 1e-11), { sum: 0, evaluations: 0 });
});

test('where rounding keeps the tolerance from being reached, the work is bounded and the sum is as exact as the function', (t) => {
  let state = 1;
  const noise = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 1e-6 * (state / 2 ** 31 - 1);
  };
  const { sum, evaluations } = integrate((x) => Math.exp(x) + noise(), 0, 1, 1e-13);
  t.true(evaluations <= maxEvaluations, String(evaluations));
  t.true(Math.abs(sum - (Math.E - 1)) < 1e-6, String(sum));
});
