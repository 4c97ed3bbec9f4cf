import test from 'ava';
import { readFileSync } from 'node:fs';
import { periodsPerYear, realisedVolatility, type Close } from '#src/pricing/forecast/closes.ts';
import { ewmaVariances } from '#src/pricing/forecast/ewma.ts';
import { deviance, fitGarch } from '#src/pricing/forecast/garch.ts';
import { chiSquareTail, ljungBox } from '#src/pricing/forecast/ljung-box.ts';
import { minimise } from '#src/pricing/forecast/nelder-mead.ts';
import { createVolatilityForecaster, forecastVolatility } from '#src/pricing/forecast/volatility-forecast.ts';

/** Normal numbers from a seeded generator, by the method of Box and Muller. The sequence is always the same. */
const normals = (() => {
  let state = 12_345;
  const uniform = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
})();

const truth = { omega: 2e-6, alpha: 0.09, beta: 0.89 };
const simulated = ((): Float64Array => {
  const returns = new Float64Array(6000);
  let variance = truth.omega / (1 - truth.alpha - truth.beta);
  for (let i = 0; i < returns.length; i++) {
    returns[i] = Math.sqrt(variance) * normals();
    variance = truth.omega + truth.alpha * returns[i]! ** 2 + truth.beta * variance;
  }
  return returns;
})();

const dailyFrom = (returns: Float64Array): Close[] => {
  let close = 100;
  const closes = [{ date: '2000-01-01', close }];
  returns.forEach((value, k) => {
    close *= Math.exp(value);
    // 252 trading days in a year of 365.25.
    const date = new Date(Date.UTC(2000, 0, 1) + ((k + 1) * 365.25 * 86_400_000) / 252).toISOString().slice(0, 10);
    closes.push({ date, close });
  });
  return closes;
};

test('Nelder-Mead finds the min of the Rosenbrock function', (t) => {
  const { at, converged } = minimise(([x, y]) => (1 - x!) ** 2 + 100 * (y! - x! * x!) ** 2, [-1.2, 1], 0.5, 1000);
  t.true(converged);
  t.true(Math.hypot(at[0]! - 1, at[1]! - 1) < 1e-4);
});

test('the chi-square tail has its tabulated values', (t) => {
  const table: [value: number, degrees: number, tail: number][] = [
    [3.841458820694124, 1, 0.05],
    [18.307038053275146, 10, 0.05],
    [23.209251158954356, 10, 0.01],
    [3.9402991361190605, 10, 0.95],
    [31.41043284423092, 20, 0.05],
  ];
  for (const [value, degrees, tail] of table) t.true(Math.abs(chiSquareTail(value, degrees) - tail) < 1e-10);
  t.is(chiSquareTail(0, 3), 1);
});

test('the Ljung-Box test accepts noise and rejects an autoregression', (t) => {
  const noise = Float64Array.from({ length: 2000 }, normals);
  const autoregression = new Float64Array(2000);
  for (let i = 1; i < 2000; i++) autoregression[i] = 0.2 * autoregression[i - 1]! + noise[i]!;
  t.true(ljungBox(noise, 10, 0).p_value > 0.01);
  t.true(ljungBox(autoregression, 10, 0).p_value < 1e-6);
});

test('the GARCH(1,1) fit finds the parameters of a simulation, at a maximum of the likelihood', (t) => {
  const fit = fitGarch(simulated);
  t.true(fit.converged);
  t.true(Math.abs(fit.alpha - truth.alpha) < 0.025, String(fit.alpha));
  t.true(Math.abs(fit.beta - truth.beta) < 0.035, String(fit.beta));
  const average = simulated.reduce((sum, value) => sum + value, 0) / simulated.length;
  const target = simulated.reduce((sum, value) => sum + (value - average) ** 2, 0) / simulated.length;
  const at = (alpha: number, beta: number): number => {
    const residuals = simulated.map((value) => value - fit.mean);
    const variances = new Float64Array(simulated.length + 1);
    variances[0] = target;
    for (let i = 0; i < simulated.length; i++) {
      variances[i + 1] = fit.omega + alpha * residuals[i]! ** 2 + beta * variances[i]!;
    }
    return deviance(residuals, variances);
  };
  const best = at(fit.alpha, fit.beta);
  for (const [a, b] of [
    [0.002, 0],
    [-0.002, 0],
    [0, 0.002],
    [0, -0.002],
    [0.002, -0.002],
    [-0.002, 0.002],
  ] as const) {
    t.true(at(fit.alpha + a, fit.beta + b) > best, `${a} ${b}`);
  }
});

// The first variance is that of the sample here and a weighted one in arch: the log-likelihood differs by about 1.6.
test('GARCH(1,1) of the bundled S&P 500 closes agrees with the arch package (8.0.0, constant mean)', (t) => {
  const closes = readFileSync('src/market-data/sample-data/sp500-2000.csv', 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))
    .map((cells) => ({ date: cells[0]!, close: Number(cells[4]) }));
  const { parameters, diagnostics } = forecastVolatility(closes, 'garch11', 21);
  t.true(Math.abs(parameters['mean']! / 5.9479e-4 - 1) < 0.02);
  t.true(Math.abs(parameters['omega']! / 2.2124e-6 - 1) < 0.03);
  t.true(Math.abs(parameters['alpha']! / 0.123997 - 1) < 0.02);
  t.true(Math.abs(parameters['beta']! / 0.860697 - 1) < 0.005);
  t.true(Math.abs(diagnostics.log_likelihood - 16_517.86) < 3);
});

test('a GARCH forecast starts at the variance of today and tends to the long-run variance', (t) => {
  const forecast = forecastVolatility(dailyFrom(simulated), 'garch11', 250);
  const { term_structure: terms, long_run_volatility: longRun, diagnostics } = forecast;
  t.is(forecast.observations, 6000);
  t.true(Math.abs(forecast.periods_per_year - 252) < 0.1);
  t.true(Math.abs(longRun! / Math.sqrt((truth.omega / 0.02) * 252) - 1) < 0.1);
  t.is(terms.at(-1)?.day, 250);
  t.true(terms.length <= 61);
  t.is(terms.at(-1)?.average, forecast.volatility);
  const far = forecastVolatility(dailyFrom(simulated), 'garch11', 2520).term_structure.at(-1)!;
  t.true(Math.abs(far.forward / longRun! - 1) < 1e-6);
  t.true(Math.abs(diagnostics.half_life_days! - Math.log(0.5) / Math.log(diagnostics.persistence)) < 1e-12);
  t.true(diagnostics.ljung_box_squared.p_value > 0.01);
  t.true(diagnostics.aic < diagnostics.bic);
  const ewma = forecastVolatility(dailyFrom(simulated), 'ewma', 250);
  t.true(diagnostics.log_likelihood > ewma.diagnostics.log_likelihood);
  t.deepEqual(new Set(ewma.term_structure.map(({ average }) => average)).size, 1);
  t.is(ewma.diagnostics.half_life_days, null);
});

test('EWMA is the RiskMetrics recursion, and the realised volatility is annualised by the calendar', (t) => {
  const variances = ewmaVariances(Float64Array.of(0.01, -0.02), 0.94);
  t.true(Math.abs(variances[0]! - 2.5e-4) < 1e-18);
  t.true(Math.abs(variances[2]! - (0.94 * (0.94 * 2.5e-4 + 0.06 * 1e-4) + 0.06 * 4e-4)) < 1e-18);
  const monthly = [100, 110, 99, 105].map((close, k) => ({ date: `2024-0${k + 1}-01`, close }));
  t.true(Math.abs(periodsPerYear(monthly) - 12) < 0.1);
  t.is(realisedVolatility(monthly.slice(0, 2)), undefined);
  t.true(realisedVolatility(monthly)! > 0.3);
});

test('a kept fit gives the same forecast, and a corrected close causes a new fit', (t) => {
  const forecast = createVolatilityForecaster();
  const closes = dailyFrom(simulated.subarray(0, 500));
  const first = forecast(closes, 'garch11', 21);
  t.deepEqual(first, forecastVolatility(closes, 'garch11', 21));
  t.deepEqual(forecast([...closes], 'garch11', 21), first);
  t.is(forecast(closes, 'garch11', 5).parameters, first.parameters, 'the fit is not made again');
  const corrected = closes.map((close, index) => (index === 100 ? { ...close, close: close.close * 1.01 } : close));
  t.notDeepEqual(forecast(corrected, 'garch11', 21).parameters, first.parameters);
});
