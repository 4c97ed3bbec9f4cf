import type { ForecastMethod } from '#src/kernel/catalogue/pricing-models.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import type { WorkEstimate } from '../models/cost.ts';
import { haveVariance, logReturns, type Close } from './closes.ts';
import { maxIterations } from './garch.ts';
import type { VolatilityForecast, VolatilityForecaster } from './volatility-forecast.ts';

/** A forecast as a task of a pricing process. The body of the task is the JSON of the closes. */
export type ForecastRequest = {
  readonly input: 'closes';
  /** For messages. */
  readonly symbol: string;
  readonly method: ForecastMethod;
  /** Periods of the closes. */
  readonly horizon: number;
  /** Decay of ewma; absent for the default. */
  readonly decay?: number | undefined;
};

/** Iterations of the search of GARCH(1,1) for 5,000 simulated closes, with which the costs were measured. */
const usualIterations = 130;

/** Microseconds for each close, rounded up: usually, and at most. */
const closeCosts: Readonly<Record<ForecastMethod, { readonly usual: number; readonly max: number }>> = {
  ewma: { usual: 0.5, max: 0.5 },
  garch11: { usual: 8, max: (8 * maxIterations) / usualIterations },
};

/**
 * Estimates the duration of a forecast from `count` closes. A fit cannot be interrupted, so it counts as one row, and
 * the watch for stalled processes must wait for the longest fit.
 */
export const estimateForecast = (method: ForecastMethod, count: number): WorkEstimate => {
  const { usual, max } = closeCosts[method];
  return { totalMs: (count * usual) / 1000, maxRowMs: (count * max) / 1000, model: 'unknown' };
};

export const writeCloses = (closes: readonly Close[]): Uint8Array => Buffer.from(JSON.stringify(closes));

export const readCloses = (body: Uint8Array): readonly Close[] =>
  JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()) as readonly Close[];

/**
 * Makes the forecast of a task.
 * @throws AppError `pricing_calculation_failed` if the closes do not vary, or a result is not finite, which the JSON of
 * the reply could not hold
 */
export const forecastOf = (
  forecastVolatility: VolatilityForecaster,
  { symbol, method, horizon, decay }: ForecastRequest,
  closes: readonly Close[],
): VolatilityForecast => {
  if (!haveVariance(logReturns(closes))) {
    throw new AppError(
      'pricing_calculation_failed',
      `The returns of the stored closes of ${symbol} do not vary, so there is no volatility to forecast`,
    );
  }
  const forecast = forecastVolatility(closes, method, horizon, decay);
  const pointer = nonFiniteIn(forecast);
  if (pointer === undefined) return forecast;
  throw new AppError('pricing_calculation_failed', `The closes of ${symbol} give no finite value of ${pointer}`);
};
