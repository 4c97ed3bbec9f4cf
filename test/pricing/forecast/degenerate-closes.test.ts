import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import type { Input } from '#src/kernel/requests/route.ts';
import { haveVariance, logReturns, type Close } from '#src/pricing/forecast/closes.ts';
import { createForecastRoutes } from '#src/pricing/forecast/forecast-routes.ts';
import { fitGarch } from '#src/pricing/forecast/garch.ts';
import { setup } from '../setup.ts';

const dayMs = 86_400_000;
const closesOf = (values: readonly number[]): Close[] =>
  values.map((close, day) => ({
    date: new Date(Date.UTC(2000, 0, 3) + day * dayMs).toISOString().slice(0, 10),
    close,
  }));
const series = (length: number, at: (day: number) => number): Close[] =>
  closesOf(Array.from({ length }, (_, day) => at(day)));

/** Numbers from 0 to 1 that look random and are always the same. */
const noise = (day: number): number => Math.abs(Math.sin(day * 12.9898) * 43_758.5453) % 1;

let stored: readonly Close[] = [];
const { forecaster, workers } = setup({ closes: async () => stored, workers: { queueLimit: 100 } });
test.after.always(() => workers.close());
const [route] = createForecastRoutes({ forecaster });

const forecast = async (closes: readonly Close[], method: 'ewma' | 'garch11') => {
  stored = closes;
  try {
    const request = route!.request.body!.parse({ symbol: 'X', method, horizon_days: 21 });
    const { body } = await route!.handler({ body: request, context: {} } as Input<object>);
    return { body, isValid: route!.responses[200]!.safeParse(body).success && nonFiniteIn(body) === undefined };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, detail: error.message };
  }
};

const flat: Readonly<Record<string, readonly Close[]>> = {
  'a constant price': series(200, () => 42.5),
  'a constant price of a cent': series(200, () => 0.01),
  'a price that grows by one per cent a day': series(200, (day) => 100 * 1.01 ** day),
};
for (const [name, closes] of Object.entries(flat)) {
  test(`${name} has no variance: 422 that says so`, async (t) => {
    t.false(haveVariance(logReturns(closes)));
    for (const method of ['ewma', 'garch11'] as const) {
      const { code, detail } = await forecast(closes, method);
      t.is(code, 'pricing_calculation_failed');
      t.regex(detail ?? '', /do not vary/);
    }
  });
}

const strange: Readonly<Record<string, readonly Close[]>> = {
  'one jump in a constant price': series(500, (day) => (day < 250 ? 100 : 110)),
  'a jump at the start': series(500, (day) => (day === 0 ? 100 : 110)),
  'a jump at the end': series(500, (day) => (day === 499 ? 110 : 100)),
  'a jump after a very long halt': series(9_000, (day) => (day < 8_990 ? 100 : 110 + day)),
  'a halt after a normal time': series(9_000, (day) => (day < 100 ? 100 + noise(day) : 100)),
  'two prices in turn': series(500, (day) => 100 + (day % 2)),
  'very small moves': series(500, (day) => 100 + noise(day) * 1e-7),
  'very large moves': series(500, (day) => (day % 2 === 0 ? 1e-12 : 1e15)),
  'a price that falls to almost nothing': series(500, (day) => 1e15 * 0.88 ** day),
  'the min number of closes': series(61, (day) => 100 + noise(day)),
};
for (const [name, closes] of Object.entries(strange)) {
  test(`${name} gives a valid forecast or a 422`, async (t) => {
    for (const method of ['ewma', 'garch11'] as const) {
      const answer = await forecast(closes, method);
      t.true(answer.isValid === true || answer.code === 'pricing_calculation_failed', `${method} ${answer.detail}`);
    }
  });
}

test('a GARCH fit at a bound of its parameters has not converged', (t) => {
  const jump = Float64Array.from({ length: 500 }, (_, day) => (day === 250 ? 0.1 : 0));
  const regimes = Float64Array.from({ length: 1_000 }, (_, day) => (day < 500 ? 0.002 : 0.06) * (noise(day) - 0.5));
  const normal = Float64Array.from({ length: 1_000 }, (_, day) => 0.02 * (noise(day) - 0.5));
  for (const returns of [jump, regimes, normal]) {
    const { alpha, beta, converged } = fitGarch(returns);
    const atBound = alpha < 1e-6 || beta < 1e-6 || alpha + beta > 0.999_898;
    t.is(converged, !atBound, `${alpha} ${beta}`);
  }
  t.false(fitGarch(jump).converged);
  t.false(fitGarch(regimes).converged);
});

test('the pointer to the first number that is not finite is found in any place', (t) => {
  t.is(nonFiniteIn({ a: [1, { b: null, c: 'NaN', d: Number.MAX_VALUE }], e: undefined }), undefined);
  t.is(nonFiniteIn(Number.NaN), '');
  t.is(nonFiniteIn({ a: [1, { 'b/c': Infinity }] }), '/a/1/b~1c');
  t.is(nonFiniteIn([0, [-Infinity]]), '/1/0');
});
