import { context, trace } from '@opentelemetry/api';
import { startChildSpan } from '#src/kernel/spans.ts';
import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import { createBatch, needsProcess, type BatchOptions } from './batch/batch.ts';
import { isNotConverged } from './batch/batch-tally.ts';
import type { GivenBatch } from './batch/prepared-batch.ts';
import {
  calculate,
  createOutputs,
  iterationsAt,
  wantedOf,
  type PricedOption,
  type Wanted,
} from './request/calculate.ts';
import { estimateOf, type WorkEstimate } from './models/cost.ts';
import type { Option, PricingEngine } from './models/engine.ts';
import { SlowCalculation } from './models/slow-calculation.ts';
import { computationTime } from './request/computation-time.ts';
import { invalidRequest, outcomeOf, reportAbuse, reportFailure } from './request/failures.ts';
import type { Model } from './models/models.ts';
import { defaultGreeks, greekNames, type OutputName } from './models/outputs.ts';
import { readUnits, unitsMember, type UnitSystem } from './request/market-units.ts';
import { fillRow, presetMember, readDefaults } from './request/defaults.ts';
import { lacksOutputText, noImpliedVolatilityText, notAnOptionText } from './request/messages.ts';
import { resolveRow, type ResolvedRow } from './request/conventions/resolve-row.ts';
import { isRow, readModelName, readOption, readOutputs, type Row } from './request/read-option.ts';
import { readStrictUnits, strictUnitsMember } from './request/strict-units.ts';
import { unitWarnings, type UnitWarning } from './request/unit-warnings.ts';
import type { PricingServiceDeps } from './pricing-service-deps.ts';
import { priceOnWorker } from './slow-option.ts';
import { fillFromSymbol, type InputsFrom } from './request/symbol-inputs.ts';
import type { BatchOutcome } from './workers/protocol.ts';

type TimedOption = PricedOption & {
  readonly warnings?: readonly UnitWarning[];
  readonly units?: 'market';
  readonly inputs_from?: InputsFrom;
  readonly computation_time_ms: number;
};

type ImpliedOption = TimedOption & { readonly implied_volatility: number };

export type PricingService = {
  /**
   * These functions take the request body before validation.
   * @throws AppError `validation_failed`, `pricing_model_unknown`, `pricing_calculation_failed`,
   * `pricing_engine_unavailable`
   */
  readonly price: (body: unknown, request?: Cancellable) => Promise<TimedOption>;
  readonly greeks: (body: unknown, request?: Cancellable) => Promise<TimedOption>;
  /** The body has `price` instead of `volatility`. */
  readonly impliedVolatility: (body: unknown, request?: Cancellable) => Promise<ImpliedOption>;
  /**
   * Prices a batch from bytes to bytes. An invalid row is an error in the answer, and the batch is not refused.
   * @throws AppError `malformed_body`, `not_acceptable`, `validation_failed` for an invalid envelope;
   * `pricing_model_unknown` for columns; `rate_limit_exceeded`, `overloaded` and `pricing_work_too_large` as in
   * `PricingWorkers.run`
   */
  readonly batch: (request: Omit<GivenBatch, 'defaults'>, options?: BatchOptions) => Promise<BatchOutcome>;
  /**
   * Values positions at the nodes of a grid. A wrong position refuses the grid; a node without a value is an error in the
   * answer.
   * @throws AppError as `batch`
   */
  readonly grid: (request: GridRequest, options?: BatchOptions) => Promise<BatchOutcome>;
  readonly models: readonly Model[];
};

type GridRequest = Omit<GivenBatch, 'kind' | 'input'>;

/** A request. Its signal is made at its first use, so it is read only where the work waits. */
type Cancellable = { readonly signal: AbortSignal };

type SingleOperation = 'price' | 'greeks' | 'implied_volatility';
const fixedOutputs: Readonly<Record<'price' | 'implied_volatility', readonly OutputName[]>> = {
  price: ['price'],
  implied_volatility: ['price', 'implied_volatility'],
};

/** The inputs that a symbol can replace, by operation. */
const wantedInputs: Readonly<Record<SingleOperation, readonly string[]>> = {
  price: ['spot', 'volatility'],
  greeks: ['spot', 'volatility'],
  implied_volatility: ['spot'],
};

/** Single options have no turns on the event loop, so that less than the 3 ms of a batch must be enough for one. */
const singleMs = 0.3;
const isForProcess = (estimate: WorkEstimate): boolean => needsProcess(estimate, singleMs);
/** Milliseconds of a calculation that was too slow for the event loop. Up to 17 were measured. */
const movedMs = 20;
/** The estimate of an option that a process prices. If it is low, the event loop has begun the calculation, and it was slow. */
const estimateInProcess = (estimate: WorkEstimate): WorkEstimate =>
  isForProcess(estimate) ? estimate : { ...estimate, totalMs: movedMs, maxRowMs: movedMs };

const unsupportedOutputs = (operation: SingleOperation, model: Model, names: readonly OutputName[]): FieldError[] =>
  names
    .filter((name) => !model.outputs.includes(name))
    .map((name) => ({
      pointer: operation === 'greeks' ? '/outputs' : '/model',
      code: 'unsupported',
      detail: operation === 'greeks' ? lacksOutputText(model, name, 'greeks') : noImpliedVolatilityText(model),
    }));

/** The inputs of the option alone. */
const withoutOwn = (row: Row): Row => {
  const { outputs: _, strict_units: __, units: ___, ...inputs } = row;
  return inputs;
};

type Facts = {
  readonly echo: Row | undefined;
  readonly warnings: readonly UnitWarning[] | undefined;
  readonly units: UnitSystem;
  readonly inputsFrom: InputsFrom | undefined;
  /** Milliseconds. */
  readonly elapsed: number;
};

/** Adds the facts to a result, which belongs to this request alone. A copy would take as long as a price. */
const withFacts = (result: PricedOption, { echo, warnings, units, inputsFrom, elapsed }: Facts): TimedOption => {
  const answer: Record<string, unknown> = echo ? Object.assign(result, echo) : result;
  if (warnings) answer['warnings'] = warnings;
  if (units === 'market') answer['units'] = units;
  if (inputsFrom) answer['inputs_from'] = inputsFrom;
  answer['computation_time_ms'] = computationTime(elapsed);
  return answer as TimedOption;
};

export const createPricingService = (deps: PricingServiceDeps): PricingService => {
  const { engines, clock, metrics, faults, logger, workers, abuse, callerOf, defaultsOf, maxWorkMs } = deps;
  const tracer = trace.getTracer('volwatch.pricing');
  // One array for all requests, because a calculation in the service does not wait, and a new array takes longer than a price.
  const buffer = createOutputs();

  const read = (operation: SingleOperation, { row, echo }: ResolvedRow, model: Model) => {
    const asked =
      operation === 'greeks'
        ? readOutputs(row['outputs'], greekNames, defaultGreeks, 'greeks')
        : { outputs: fixedOutputs[operation] };
    const own = operation === 'greeks' ? ['outputs', unitsMember, strictUnitsMember] : [strictUnitsMember];
    const units = operation === 'greeks' ? readUnits(row) : 'default';
    const strict = readStrictUnits(row);
    const inverted = operation === 'implied_volatility';
    const isTimeDated = echo !== undefined && 'expiry' in echo;
    const option = readOption(row, model, '', { own, inverted, strictUnits: strict === true, isTimeDated });
    if (Array.isArray(strict) || Array.isArray(option) || Array.isArray(units)) {
      const parts = [option, asked, strict, units].filter((part) => Array.isArray(part));
      throw invalidRequest(parts.flat());
    }
    if (Array.isArray(asked)) throw invalidRequest(asked);
    const unsupported = unsupportedOutputs(operation, model, asked.outputs);
    if (unsupported.length > 0) throw invalidRequest(unsupported);
    return { option: Object.assign(option, echo), outputs: asked.outputs, units };
  };

  /** The request with what the settings and presets of the user give it. */
  const fill = async (row: Row): Promise<Row> => {
    const preset = row[presetMember];
    if (preset === undefined && row['model'] !== undefined) return row;
    const filling = readDefaults(preset, await defaultsOf());
    if (Array.isArray(filling)) throw invalidRequest(filling);
    if (preset === undefined) return fillRow(row, filling.values);
    const { [presetMember]: _, ...body } = row;
    return fillRow(body, filling.values);
  };

  /** @returns undefined if a pricing process must price the option */
  const priceHere = (
    operation: SingleOperation,
    engine: PricingEngine,
    option: Option,
    wanted: Wanted,
  ): PricedOption | string | undefined => {
    try {
      const result = calculate(engine, option, wanted, buffer);
      if (operation !== 'implied_volatility') return result;
      const iterations = buffer[iterationsAt]!;
      // A price that is refused before the search has no steps, and a search that did not converge has many.
      if (iterations > 0 || typeof result !== 'string')
        metrics.observe('volwatch_pricing_solver_iterations', { model: engines.model(option.model).name }, iterations);
      return result;
    } catch (error) {
      if (!(error instanceof SlowCalculation)) throw error;
      metrics.count('volwatch_pricing_moved_total', { operation });
      return undefined;
    }
  };

  const single = async (operation: SingleOperation, body: unknown, request?: Cancellable): Promise<TimedOption> => {
    const started = clock.monotonic();
    const span = startChildSpan(tracer, `pricing.${operation}`);
    let label: Model['name'] | 'unknown' = 'unknown';
    let elapsed: number | undefined;
    try {
      if (!isRow(body)) throw invalidRequest([{ pointer: '', code: 'invalid_type', detail: notAnOptionText(body) }]);
      const filled = await fill(body);
      const model = engines.model(readModelName(filled, ''));
      label = model.name;
      const resolved = resolveRow(filled, '');
      if (Array.isArray(resolved)) throw invalidRequest(resolved);
      const { echo } = resolved;
      span.setAttribute('pricing.model', label);
      const { row, inputsFrom } = await fillFromSymbol(resolved.row, model, wantedInputs[operation], deps);
      const { option, outputs, units } = read(operation, { row, ...(echo && { echo }) }, model);
      span.setAttribute('pricing.exercise_style', option.exercise_style);
      const engine = engines.engine(model);
      const armed = faults.armed('pricing.engine');
      if (armed) await faults.reach('pricing.engine', request?.signal);
      const wanted = wantedOf(outputs, units);
      const estimate = estimateOf([row], wanted);
      const own = !armed && isForProcess(estimate) ? undefined : priceHere(operation, engine, option, wanted);
      const result =
        own ??
        (await context.with(trace.setSpan(context.active(), span), () =>
          priceOnWorker(workers, withoutOwn(row), outputs, units, {
            signal: request?.signal,
            kind: 'single',
            caller: callerOf(),
            estimate: estimateInProcess(estimate),
            maxMs: maxWorkMs,
          }),
        ));
      if (typeof result === 'string') {
        if (isNotConverged(result)) metrics.count('volwatch_pricing_not_converged_total', { model: label });
        throw new AppError('pricing_calculation_failed', result);
      }
      metrics.count('volwatch_pricing_options_total', { operation, model: label, outcome: 'ok' });
      const warnings = unitWarnings(option, model.numbers, '');
      elapsed = clock.monotonic() - started;
      return withFacts(result, { echo, warnings, units, inputsFrom, elapsed });
    } catch (error) {
      reportAbuse(error, abuse);
      const outcome = outcomeOf(reportFailure(error, span, logger, { model: label, inputs: body }));
      metrics.count('volwatch_pricing_options_total', { operation, model: label, outcome });
      throw error;
    } finally {
      elapsed ??= clock.monotonic() - started;
      metrics.observe('volwatch_pricing_duration_seconds', { operation, model: label }, elapsed / 1000);
      addTiming('pricing', elapsed);
      span.end();
    }
  };

  const grid = createBatch({ ...deps, tracer }, 'grid');

  return {
    price: (body, request) => single('price', body, request),
    greeks: (body, request) => single('greeks', body, request),
    impliedVolatility: (body, request) => single('implied_volatility', body, request) as Promise<ImpliedOption>,
    batch: createBatch({ ...deps, tracer }),
    grid: (request, options) => grid({ ...request, kind: 'grid', input: 'json' }, options),
    models: engines.models,
  };
};
