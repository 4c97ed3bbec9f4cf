import test from 'ava';
import fc from 'fast-check';
import type { HestonInputs } from '#src/pricing/models/engine.ts';
import { createHestonGradient, hestonNames } from '#src/pricing/engines/heston/heston-gradient.ts';
import { createHestonIntegral, integralCount } from '#src/pricing/engines/heston/heston-integral.ts';
import { complexExponent } from '#src/pricing/engines/heston/heston-exponent.ts';
import { parameterExponent, parameterExponentSize } from '#src/pricing/engines/heston/parameter-exponent.ts';

const gradientOf = createHestonGradient();
const integrate = createHestonIntegral();
const sums = new Float64Array(integralCount);
const priceOf = (x: number, time: number, model: HestonInputs): number => {
  integrate({ x, time, model, greeks: false }, sums);
  return sums[0]!;
};

/** Central difference of fourth order. */
const difference = (f: (change: number) => number, h: number): number =>
  (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);

const logBetween = (min: number, max: number) =>
  fc.double({ min: Math.log(min), max: Math.log(max), noNaN: true }).map(Math.exp);
const models = fc.record({
  v0: logBetween(0.003, 1),
  kappa: logBetween(0.05, 20),
  theta: logBetween(0.003, 1),
  sigma: logBetween(0.01, 2),
  rho: fc.double({ min: -0.95, max: 0.95, noNaN: true }),
});

test('the analytic gradient of the price agrees with central differences, and the price with the engine', (t) => {
  const out = new Float64Array(1 + hestonNames.length);
  fc.assert(
    fc.property(models, logBetween(0.02, 5), fc.double({ min: -2, max: 2, noNaN: true }), (model, time, width) => {
      const x = width * Math.sqrt((model.v0 + model.theta) * time);
      if (!gradientOf(x, time, model, out)) return false;
      if (Math.abs(out[0]! - priceOf(x, time, model)) > 1e-11) return false;
      return hestonNames.every((name, k) => {
        const h = 1e-3 * (name === 'rho' ? 1 : model[name]);
        const expected = difference((change) => priceOf(x, time, { ...model, [name]: model[name] + change }), h);
        // The prices are exact to about 1e-13, and the difference divides this by h.
        return Math.abs(out[k + 1]! - expected) <= 1e-6 * Math.abs(expected) + 3e-12 / h;
      });
    }),
    { numRuns: 300, seed: 7 },
  );
  t.pass();
});

test('the exponent agrees with that of the engine, and its derivatives with differences, also where d is near 0', (t) => {
  const value = new Float64Array(parameterExponentSize);
  const plain = new Float64Array(4);
  const cases: [re: number, im: number, time: number, model: HestonInputs][] = [
    [1.5, 0.7, 1, { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.5, rho: -0.6 }],
    [-0.5, 30, 0.1, { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.001, rho: -0.6 }],
    [2, 3, 20, { v0: 0.3, kappa: 0.01, theta: 0.5, sigma: 2, rho: 0.9 }],
    // Here d is 0: kappa^2 = sigma^2 p (p - 1).
    [2, 0, 0.5, { v0: 0.04, kappa: Math.SQRT2, theta: 0.06, sigma: 1, rho: 0 }],
    [2, 1e-7, 0.5, { v0: 0.04, kappa: Math.SQRT2, theta: 0.06, sigma: 1, rho: 0 }],
  ];
  for (const [re, im, time, model] of cases) {
    const partAt = (at: HestonInputs, part: number): number => {
      complexExponent(re, im, time, at.v0, at.kappa, at.theta, at.sigma, at.rho, plain);
      return plain[part]!;
    };
    const { v0, kappa, theta, sigma, rho } = model;
    parameterExponent(re, im, time, v0, kappa, theta, sigma, rho, value);
    for (const part of [0, 1]) {
      const exact = partAt(model, part);
      t.true(Math.abs(value[part]! - exact) <= 1e-12 * (1 + Math.abs(exact)));
      hestonNames.forEach((name, k) => {
        const h = 1e-4 * Math.abs(model[name] || 1);
        const expected = difference((change) => partAt({ ...model, [name]: model[name] + change }, part), h);
        const error = Math.abs(value[2 * (k + 1) + part]! - expected);
        t.true(error <= 1e-4 * Math.abs(expected) + 1e-9, `${JSON.stringify([re, im, name, part])} ${error}`);
      });
    }
  }
});
