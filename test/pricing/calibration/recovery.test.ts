import test from 'ava';
import { hestonNames } from '#src/pricing/engines/heston/heston-gradient.ts';
import type { HestonInputs } from '#src/pricing/models/engine.ts';
import { isBetterFit } from '#src/pricing/calibration/is-better-fit.ts';
import { calibrated, distances, market, quotesOf, times } from './surfaces.ts';

/** Sets of parameters. The first is that of Cui, del Bano Rollin and Germano (2017), the fourth that of Lewis. */
const sets: readonly HestonInputs[] = [
  { v0: 0.08, kappa: 3, theta: 0.1, sigma: 0.25, rho: -0.8 },
  { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.5, rho: -0.6 },
  { v0: 0.0654, kappa: 0.6067, theta: 0.0707, sigma: 0.2928, rho: -0.7571 },
  { v0: 0.04, kappa: 4, theta: 0.25, sigma: 1, rho: -0.5 },
  { v0: 0.02, kappa: 0.5, theta: 0.04, sigma: 0.9, rho: -0.9 },
  { v0: 0.1, kappa: 8, theta: 0.05, sigma: 2, rho: 0.3 },
];

test('the parameters of exact surfaces are found to 1e-6, by both objectives', (t) => {
  for (const model of sets) {
    for (const objective of ['implied_volatility', 'price']) {
      const fit = calibrated({ ...market, quotes: quotesOf(model), objective });
      const found = JSON.stringify(fit.heston);
      t.true(fit.converged, found);
      t.deepEqual(fit.at_bounds, []);
      for (const name of hestonNames)
        t.true(Math.abs(fit.heston[name] - model[name]) <= 1e-6 * (1 + model[name]), found);
      t.true(fit.rmse_price < 1e-8 && fit.rmse_volatility! < 1e-9);
      t.true(fit.gradient_norm < 1e-9);
      t.is(fit.feller.satisfied, 2 * model.kappa * model.theta >= model.sigma ** 2);
    }
  }
});

test('quotes as implied volatilities, far starts and user bounds lead to the same parameters', (t) => {
  const [model] = sets as [HestonInputs];
  const byPrice = calibrated({ ...market, quotes: quotesOf(model) });
  const quotes = byPrice.quotes.map(({ strike, time_to_expiry: years, market_volatility: volatility }) => ({
    strike,
    time_to_expiry: years,
    option_type: 'call',
    implied_volatility: volatility,
  }));
  const guess = { v0: 1, kappa: 0.1, theta: 0.01, sigma: 2, rho: 0.9 };
  for (const initial of [undefined, guess]) {
    const bounds = { kappa: { upper: 10 }, rho: { lower: -0.95, upper: 0.95 } };
    const fit = calibrated({ ...market, quotes, bounds, ...(initial && { initial_guess: initial }) });
    t.true(fit.converged);
    for (const name of hestonNames) t.true(Math.abs(fit.heston[name] - model[name]) < 1e-5, JSON.stringify(fit.heston));
  }
});

test('with noisy quotes the parameters are within five standard errors, and the weight of a wrong quote counts', (t) => {
  let state = 12_345;
  /** Numbers between -0.001 and 0.001 (Park and Miller). */
  const noise = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return 1e-3 * (2 * (state / 2_147_483_647) - 1);
  };
  for (const model of sets) {
    const quotes = calibrated({ ...market, quotes: quotesOf(model) }).quotes.map((quote) => ({
      strike: quote.strike,
      time_to_expiry: quote.time_to_expiry,
      option_type: quote.option_type,
      implied_volatility: quote.market_volatility + noise(),
    }));
    const fit = calibrated({ ...market, quotes });
    t.true(fit.converged, fit.stop_reason);
    t.true(fit.gradient_norm < 1e-8);
    t.true(fit.rmse_volatility! > 1e-5 && fit.rmse_volatility! < 2e-3);
    for (const name of hestonNames) {
      const error = fit.standard_errors[name]!;
      t.true(
        error > 0 && Math.abs(fit.heston[name] - model[name]) < 5 * error,
        `${name} ${JSON.stringify(fit.heston)}`,
      );
    }
  }
  const [model] = sets as [HestonInputs];
  const [wrong, ...exact] = quotesOf(model);
  const bad = { ...wrong!, price: wrong!.price * 1.02 };
  const errorWith = (weight: number): number =>
    Math.abs(calibrated({ ...market, quotes: [{ ...bad, weight }, ...exact] }).heston.v0 - model.v0);
  t.true(errorWith(1e-6) < errorWith(1) / 100);
});

const flat = (years: readonly number[], at: readonly number[]) =>
  years.flatMap((time) =>
    at.map((distance) => ({
      strike: 100 * Math.exp(0.2 * distance * Math.sqrt(time)),
      time_to_expiry: time,
      option_type: 'put',
      implied_volatility: 0.2,
    })),
  );

test('surfaces that do not determine the parameters never converge', (t) => {
  const flatFit = calibrated({ ...market, quotes: flat(times, distances) });
  t.false(flatFit.converged);
  t.true(flatFit.rmse_volatility! < 1e-4);
  const single = calibrated({ ...market, quotes: flat([1], [0]) });
  t.like(single, { converged: false, stop_reason: 'not_identified', condition_number: null });
  t.deepEqual(Object.values(single.standard_errors), [null, null, null, null, null]);
  t.true(Math.abs(single.quotes[0]!.volatility_error!) < 1e-8);
  const repeated = calibrated({ ...market, quotes: Array.from({ length: 12 }, () => flat([1], [0])[0]) });
  t.like(repeated, { converged: false, condition_number: null });
  const [model] = sets as [HestonInputs];
  // One expiry hardly tells kappa from theta and sigma.
  const one = calibrated({ ...market, quotes: quotesOf(model, [0.5], [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]) });
  t.true(!one.converged || one.condition_number! > 100, JSON.stringify(one));
});

test('a parameter at a bound is named, and the fit is not called converged', (t) => {
  const [, model] = sets as [HestonInputs, HestonInputs];
  for (const [name, bound, limit] of [
    ['kappa', 'upper', 1],
    ['kappa', 'lower', 4],
    ['rho', 'lower', -0.3],
    ['sigma', 'upper', 0.2],
    ['v0', 'lower', 0.09],
    ['theta', 'upper', 0.02],
  ] as const) {
    const fit = calibrated({ ...market, quotes: quotesOf(model), bounds: { [name]: { [bound]: limit } } });
    t.false(fit.converged);
    t.true(
      fit.at_bounds.some((at) => at.parameter === name && at.bound === bound),
      JSON.stringify(fit.at_bounds),
    );
    t.is(fit.heston[name], limit);
    t.is(fit.standard_errors[name], null);
  }
  const short = calibrated({ ...market, quotes: quotesOf(model), max_iterations: 1 });
  t.like(short, { converged: false, stop_reason: 'max_iterations', starts: 4 });
});

test('a small variance far from a small bound is not at the bound, also where the other bound is far away', (t) => {
  const model = { v0: 5e-5, kappa: 3, theta: 0.1, sigma: 0.25, rho: -0.8 };
  const fit = calibrated({ ...market, quotes: quotesOf(model), bounds: { v0: { upper: 100 } } });
  t.like(fit, { converged: true, at_bounds: [] });
  t.true(Math.abs(fit.heston.v0 - model.v0) < 1e-9);
});

test('a converged fit is preferred to one that is hardly better, whichever was found first', (t) => {
  const min = { sumOfSquares: 1.000_000_1, converged: true };
  for (const [other, isOtherBetter] of [
    [{ sumOfSquares: 1, converged: false }, false],
    [{ sumOfSquares: 0.99, converged: false }, true],
    [{ sumOfSquares: 1, converged: true }, true],
    [{ sumOfSquares: 2, converged: true }, false],
  ] as const) {
    t.is(isBetterFit(other, min), isOtherBetter);
    t.is(isBetterFit(min, other), !isOtherBetter);
  }
  const exact = { sumOfSquares: 0, converged: true };
  t.true(isBetterFit(exact, { sumOfSquares: 0, converged: false }));
});

test('a start where the prices do not converge counts as one evaluation', (t) => {
  const [model] = sets as [HestonInputs];
  const extreme = { v0: 100, theta: 100, kappa: 1e-6, sigma: 100, rho: 0.9999 };
  const bounds = {
    v0: { upper: 100 },
    theta: { upper: 100 },
    kappa: { lower: 1e-6 },
    sigma: { upper: 100 },
    rho: { upper: 0.9999 },
  };
  const quotes = quotesOf(model);
  const fit = calibrated({ ...market, quotes, bounds, initial_guess: extreme, max_iterations: 1 });
  t.like(fit, { starts: 4, iterations: 3, evaluations: 7 });
});

test('the answer agrees with itself, and a model price with the published one of Lewis', (t) => {
  const lewis = { v0: 0.04, kappa: 4, theta: 0.25, sigma: 1, rho: -0.5 };
  // A. Lewis, "A Heston benchmark" (wilmott.com): spot 100, one year, rate 1 %, yield 2 %.
  const published = [
    [80, 'put', 7.958878113256768],
    [90, 'call', 20.93334900059671],
    [100, 'put', 17.05527096127011],
    [110, 'call', 12.132211516709845],
    [120, 'put', 29.811026202682473],
  ] as const;
  const quotes = published.map(([strike, type, price]) => ({ strike, time_to_expiry: 1, option_type: type, price }));
  const fit = calibrated({ spot: 100, rate: 0.01, dividend_yield: 0.02, quotes, initial_guess: lewis });
  fit.quotes.forEach(({ model_price: price, market_price: given, price_error: error }, index) => {
    t.true(Math.abs(price - published[index]![2]) < 1e-10);
    t.true(Math.abs(price - given - error) < 1e-12);
  });
  for (const name of hestonNames) t.true(Math.abs(fit.heston[name] - lewis[name]) < 1e-6);
});
