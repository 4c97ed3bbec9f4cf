import { createHash } from 'node:crypto';
import type { ForecastMethod } from '#src/kernel/catalogue/pricing-models.ts';
import { DAYS_PER_YEAR, logReturns, periodsPerYear, type Close } from './closes.ts';
import { ewmaVariances, riskMetricsDecay } from './ewma.ts';
import { deviance, fitGarch } from './garch.ts';
import { ljungBox, type LjungBox } from './ljung-box.ts';

/** Min number of returns for a fit. */
export const minReturns = 60;
const ljungBoxLags = 10;
/** Max number of points of the term structure; the horizon can add one. */
const maxPoints = 60;

export type VolatilityForecast = {
  readonly method: ForecastMethod;
  readonly as_of: string;
  readonly observations: number;
  readonly periods_per_year: number;
  /** Calendar days until the horizon, from the mean distance of the closes. */
  readonly horizon_calendar_days: number;
  /** Annualised volatility, from the mean variance between now and the horizon. */
  readonly volatility: number;
  readonly parameters: Readonly<Record<string, number>>;
  readonly long_run_volatility: number | null;
  /** Annualised volatilities: `forward` of the single day, `average` of all days until it. */
  readonly term_structure: readonly { readonly day: number; readonly forward: number; readonly average: number }[];
  readonly diagnostics: {
    readonly log_likelihood: number;
    readonly aic: number;
    readonly bic: number;
    readonly persistence: number;
    /** Days until the effect of a shock is half as large; null if it does not decline. */
    readonly half_life_days: number | null;
    readonly converged: boolean;
    readonly iterations: number;
    /**
     * Tests of the standardised returns and of their squares. A small p-value shows structure that the model misses.
     */
    readonly ljung_box: LjungBox;
    readonly ljung_box_squared: LjungBox;
  };
};

type Fit = {
  readonly parameters: Readonly<Record<string, number>>;
  readonly free: number;
  readonly persistence: number;
  readonly longRun: number | undefined;
  readonly residuals: Float64Array;
  readonly variances: Float64Array;
  readonly iterations: number;
  readonly converged: boolean;
};

const fit = (method: ForecastMethod, returns: Float64Array, decay: number): Fit => {
  if (method === 'ewma') {
    return {
      parameters: { lambda: decay },
      free: 0,
      persistence: 1,
      longRun: undefined,
      residuals: returns,
      variances: ewmaVariances(returns, decay),
      iterations: 0,
      converged: true,
    };
  }
  const { mean, omega, alpha, beta, residuals, variances, iterations, converged } = fitGarch(returns);
  const persistence = alpha + beta;
  const longRun = omega / (1 - persistence);
  return {
    parameters: { mean, omega, alpha, beta },
    free: 4,
    persistence,
    longRun,
    residuals,
    variances,
    iterations,
    converged,
  };
};

/**
 * The days of the term structure: every nth day up to the horizon, about `maxPoints` of them, and the horizon itself.
 */
const daysUpTo = (horizon: number): number[] => {
  const step = Math.ceil(horizon / maxPoints);
  const days = Array.from({ length: Math.floor(horizon / step) }, (_, k) => (k + 1) * step);
  return days.at(-1) === horizon ? days : [...days, horizon];
};

/** Fits in memory. One has some 100 kB for 5,000 closes. */
const maxFits = 64;

export type VolatilityForecaster = (
  closes: readonly Close[],
  method: ForecastMethod,
  horizon: number,
  decay?: number,
) => VolatilityForecast;

/**
 * Forecasts and keeps the fits of the last series, because a GARCH fit of 5,000 closes takes a pricing process
 * about 35 ms. A series is known by all of its closes, so a corrected close causes a new fit.
 */
export const createVolatilityForecaster = (): VolatilityForecaster => {
  const fits = new Map<string, Fit>();
  return (closes, method, horizon, decay = riskMetricsDecay) => {
    const digest = createHash('sha256').update(Float64Array.from(closes, ({ close }) => close));
    const key = `${method} ${decay} ${closes.at(-1)?.date} ${digest.digest('base64')}`;
    const fitted = fits.get(key) ?? fit(method, logReturns(closes), decay);
    // The last used one stands at the end of the map, the first one goes.
    fits.delete(key);
    fits.set(key, fitted);
    if (fits.size > maxFits) fits.delete(fits.keys().next().value!);
    return forecastFrom(fitted, closes, method, horizon);
  };
};

/**
 * Forecasts the volatility over the next `horizon` periods of the closes, which are trading days if the closes are daily. The
 * closes are ascending by date. At least `minReturns` + 1 closes are needed. EWMA keeps the variance of today constant. With
 * GARCH(1,1) the variance returns to its long-run level.
 */
export const forecastVolatility: VolatilityForecaster = (closes, method, horizon, decay = riskMetricsDecay) =>
  forecastFrom(fit(method, logReturns(closes), decay), closes, method, horizon);

const forecastFrom = (
  fitted: Fit,
  closes: readonly Close[],
  method: ForecastMethod,
  horizon: number,
): VolatilityForecast => {
  const returns = logReturns(closes);
  const { parameters, free, persistence, longRun, residuals, variances, iterations, converged } = fitted;
  const perYear = periodsPerYear(closes);
  const annual = (variance: number): number => Math.sqrt(variance * perYear);
  const next = variances[returns.length]!;
  const level = longRun ?? next;
  const forwardAt = (day: number): number => level + (next - level) * persistence ** (day - 1);
  const averageTo = (day: number): number =>
    persistence === 1 ? next : level + ((next - level) * (1 - persistence ** day)) / (day * (1 - persistence));
  const standardised = residuals.map((value, i) => value / Math.sqrt(variances[i]!));
  const n = returns.length;
  const logLikelihood = -0.5 * (n * Math.log(2 * Math.PI) + deviance(residuals, variances));
  return {
    method,
    as_of: closes.at(-1)!.date,
    observations: n,
    periods_per_year: perYear,
    horizon_calendar_days: (horizon * DAYS_PER_YEAR) / perYear,
    volatility: annual(averageTo(horizon)),
    parameters,
    long_run_volatility: longRun === undefined ? null : annual(longRun),
    term_structure: daysUpTo(horizon).map((day) => ({
      day,
      forward: annual(forwardAt(day)),
      average: annual(averageTo(day)),
    })),
    diagnostics: {
      log_likelihood: logLikelihood,
      aic: 2 * free - 2 * logLikelihood,
      bic: free * Math.log(n) - 2 * logLikelihood,
      persistence,
      half_life_days: persistence < 1 ? Math.log(0.5) / Math.log(persistence) : null,
      converged,
      iterations,
      ljung_box: ljungBox(standardised, ljungBoxLags, 0),
      ljung_box_squared: ljungBox(
        standardised.map((value) => value * value),
        ljungBoxLags,
        method === 'ewma' ? 0 : 2,
      ),
    },
  };
};
