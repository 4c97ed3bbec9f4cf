import { context, trace, type Tracer } from '@opentelemetry/api';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { ForecastMethod } from '#src/kernel/catalogue/pricing-models.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { noSuchText, type NearestOf } from '#src/kernel/lists/near-names.ts';
import { startChildSpan } from '#src/kernel/spans.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import { nextTurnOfLoop } from '#src/kernel/streams/turns.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { reportAbuse, reportFailure } from '../request/failures.ts';
import type { PricingWorkers } from '../workers/pool.ts';
import type { Closes } from './closes.ts';
import { estimateForecast, writeCloses } from './forecast-task.ts';
import { minReturns, type VolatilityForecast } from './volatility-forecast.ts';

export type ForecasterDeps = {
  readonly closes: Closes;
  /** The nearest known symbol, for refusals of unknown ones. */
  readonly nearestAsset: NearestOf;
  readonly workers: PricingWorkers;
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly abuse: AbuseReport;
  readonly callerOf: () => string;
  /** Estimated milliseconds above which a forecast is refused. */
  readonly maxWorkMs: number;
};

type ForecastInputs = {
  readonly symbol: string;
  readonly method: ForecastMethod;
  /** Periods of the closes. */
  readonly horizon: number;
  /** Decay of ewma; absent for the default. */
  readonly decay?: number | undefined;
};

export type Forecaster = {
  /**
   * Forecasts the volatility of a stored asset in a pricing process, because a fit would block the event loop.
   * @throws AppError `resource_not_found`, `pricing_calculation_failed` (too few closes), and the errors of
   * `PricingWorkers.run`
   */
  readonly forecast: (inputs: ForecastInputs, signal?: AbortSignal) => Promise<VolatilityForecast>;
};

export const createForecaster = (deps: ForecasterDeps): Forecaster => {
  const { closes, nearestAsset, workers, tracer, metrics, logger, abuse, callerOf, maxWorkMs } = deps;

  const calculate = async ({ symbol, method, horizon, decay }: ForecastInputs, signal: AbortSignal | undefined) => {
    const stored = await closes(symbol);
    if (stored === undefined) {
      throw new AppError('resource_not_found', await noSuchText('asset', symbol, nearestAsset));
    }
    trace.getActiveSpan()?.setAttribute('pricing.forecast.observations', Math.max(stored.length - 1, 0));
    if (stored.length <= minReturns) {
      throw new AppError(
        'pricing_calculation_failed',
        `A fit needs at least ${minReturns + 1} stored closes, and there are ${stored.length}`,
      );
    }
    // The closes were parsed in the present turn of the event loop, and to write them takes as long.
    await nextTurnOfLoop();
    return workers.forecast(
      { bytes: writeCloses(stored), input: 'closes', symbol, method, horizon, decay },
      {
        signal,
        kind: 'single',
        caller: callerOf(),
        estimate: estimateForecast(method, stored.length),
        maxMs: maxWorkMs,
      },
    );
  };

  return {
    forecast: async (inputs, signal) => {
      const { method } = inputs;
      const started = performance.now();
      const span = startChildSpan(tracer, 'pricing.forecast');
      span.setAttribute('pricing.forecast.method', method);
      let outcome: 'ok' | 'failed' = 'failed';
      try {
        const answer = await context.with(trace.setSpan(context.active(), span), () => calculate(inputs, signal));
        outcome = 'ok';
        return answer;
      } catch (error) {
        reportAbuse(error, abuse);
        reportFailure(error, span, logger);
        throw error;
      } finally {
        const elapsed = performance.now() - started;
        metrics.observe('volwatch_forecast_duration_seconds', { method, outcome }, elapsed / 1000);
        addTiming('pricing', elapsed);
        span.end();
      }
    },
  };
};
