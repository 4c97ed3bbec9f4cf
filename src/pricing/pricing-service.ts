import { trace } from '@opentelemetry/api';
import type { Clock } from '#src/kernel/clock.ts';
import { AppError } from '#src/kernel/errors.ts';
import type { Faults } from '#src/kernel/faults.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import { addTiming } from '#src/kernel/request-context.ts';
import { createBatch, type BatchResult } from './batch.ts';
import { createCalculator, type PricedOption } from './calculate.ts';
import type { EngineFactory } from './engine-factory.ts';
import { invalidRequest, outcomeOf, reportFailure } from './failures.ts';
import type { Model } from './models.ts';
import { defaultGreeks, greekNames, type OutputName } from './outputs.ts';
import { isRow, readModelName, readOption, readOutputs, type Row } from './read-option.ts';

export type PricingServiceDeps = {
  readonly engines: EngineFactory;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly logger: Logger;
};

export type TimedOption = PricedOption & { readonly computation_time_ms: number };

export type PricingService = {
  /**
   * Each takes the request body as it came, unvalidated.
   * @throws AppError `validation_failed`, `pricing_model_unknown`, `pricing_calculation_failed`, `pricing_engine_unavailable`
   */
  readonly price: (body: unknown, signal?: AbortSignal) => Promise<TimedOption>;
  readonly greeks: (body: unknown, signal?: AbortSignal) => Promise<TimedOption>;
  /**
   * A bad row is an item of the answer, not a refusal.
   * @throws AppError `validation_failed` for a bad envelope
   */
  readonly batch: (body: unknown, signal?: AbortSignal) => Promise<BatchResult>;
  readonly models: readonly Model[];
};

type SingleOperation = 'price' | 'greeks';
const priceOnly: readonly OutputName[] = ['price'];

export const createPricingService = (deps: PricingServiceDeps): PricingService => {
  const { engines, clock, metrics, faults, logger } = deps;
  const tracer = trace.getTracer('volwatch.pricing');
  const calculate = createCalculator();

  const read = (operation: SingleOperation, row: Row, model: Model) => {
    const asked =
      operation === 'greeks' ? readOutputs(row['outputs'], greekNames, defaultGreeks) : { outputs: priceOnly };
    const option = readOption(row, model, '', operation === 'greeks' ? 'outputs' : undefined);
    if (Array.isArray(option)) throw invalidRequest(Array.isArray(asked) ? [...option, ...asked] : option);
    if (Array.isArray(asked)) throw invalidRequest(asked);
    return { option, outputs: asked.outputs };
  };

  const single = async (operation: SingleOperation, body: unknown, signal?: AbortSignal): Promise<TimedOption> => {
    const started = clock.monotonic();
    const span = tracer.startSpan(`pricing.${operation}`);
    let label: Model['name'] | 'unknown' = 'unknown';
    try {
      if (!isRow(body))
        throw invalidRequest([{ pointer: '', code: 'invalid_type', detail: 'The body must be an object' }]);
      const model = engines.model(readModelName(body, ''));
      label = model.name;
      span.setAttribute('pricing.model', label);
      const { option, outputs } = read(operation, body, model);
      span.setAttribute('pricing.exercise_style', option.exercise_style);
      const engine = engines.engine(model);
      if (faults.armed('pricing.engine')) await faults.reach('pricing.engine', signal);
      const result = calculate(engine, option, outputs);
      if (typeof result === 'string') throw new AppError('pricing_calculation_failed', result);
      metrics.count('volwatch_pricing_options_total', { operation, model: label, outcome: 'ok' });
      return { ...result, computation_time_ms: clock.monotonic() - started };
    } catch (error) {
      const outcome = outcomeOf(reportFailure(error, span, logger));
      metrics.count('volwatch_pricing_options_total', { operation, model: label, outcome });
      throw error;
    } finally {
      const elapsed = clock.monotonic() - started;
      metrics.observe('volwatch_pricing_duration_seconds', { operation, model: label }, elapsed / 1000);
      addTiming('pricing', elapsed);
      span.end();
    }
  };

  return {
    price: (body, signal) => single('price', body, signal),
    greeks: (body, signal) => single('greeks', body, signal),
    batch: createBatch({ ...deps, tracer, calculate }),
    models: engines.models,
  };
};
