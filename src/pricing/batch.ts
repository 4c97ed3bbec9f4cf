import type { Tracer } from '@opentelemetry/api';
import { AppError, type FieldError } from '#src/kernel/errors.ts';
import { addTiming } from '#src/kernel/request-context.ts';
import { failedRow, readRow, type BatchRow } from './batch-row.ts';
import type { Calculate } from './calculate.ts';
import { invalidRequest, logCause, outcomeOf, reportFailure } from './failures.ts';
import type { Model } from './models.ts';
import { outputNames, type OutputName } from './outputs.ts';
import type { PricingServiceDeps } from './pricing-service.ts';
import { isRow, pointerTo, readOutputs } from './read-option.ts';

/** Rows in one batch. */
export const largestBatch = 100_000;

export type BatchResult = {
  readonly results: readonly BatchRow[];
  readonly total_count: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly computation_time_ms: number;
};

const optionsErrors = (value: unknown): FieldError[] => {
  const error = (code: string, detail: string): FieldError[] => [{ pointer: '/options', code, detail }];
  if (value === undefined) return error('required', 'Required');
  if (!Array.isArray(value)) return error('invalid_type', 'options must be an array');
  if (value.length >= 1 && value.length <= largestBatch) return [];
  return error('invalid_length', `options must have 1 to ${largestBatch} rows`);
};

const readEnvelope = (body: unknown): { options: readonly unknown[]; outputs: readonly OutputName[] } => {
  if (!isRow(body)) throw invalidRequest([{ pointer: '', code: 'invalid_type', detail: 'The body must be an object' }]);
  const { options } = body;
  const errors = optionsErrors(options);
  const asked = readOutputs(body['outputs'], outputNames, ['price']);
  if (Array.isArray(asked)) errors.push(...asked);
  for (const member of Object.keys(body)) {
    if (member === 'options' || member === 'outputs') continue;
    errors.push({ pointer: pointerTo('', member), code: 'unknown_member', detail: 'Unknown member' });
  }
  if (errors.length > 0 || Array.isArray(asked) || !Array.isArray(options)) throw invalidRequest(errors);
  return { options, outputs: asked.outputs };
};

type Label = Model['name'] | 'unknown';
type Outcome = 'ok' | 'invalid' | 'failed';

/** Outcomes per model: counted here, reported once, so that 100,000 rows cost a handful of metric updates. */
const createTally = () => {
  const byModel = new Map<Label, Record<Outcome, number>>();
  const total = { ok: 0, invalid: 0, failed: 0 };
  return {
    byModel,
    total,
    add: (model: Model | undefined, outcome: Outcome) => {
      const label = model?.name ?? 'unknown';
      let counts = byModel.get(label);
      if (counts === undefined) byModel.set(label, (counts = { ok: 0, invalid: 0, failed: 0 }));
      counts[outcome]++;
      total[outcome]++;
    },
    /** The one model of the batch, or that there were several. */
    label: (): Label | 'mixed' => (byModel.size > 1 ? 'mixed' : (byModel.keys().next().value ?? 'unknown')),
  };
};

export type BatchDeps = PricingServiceDeps & { readonly tracer: Tracer; readonly calculate: Calculate };

/** Prices `{ options, outputs? }` row by row; see `PricingService.batch`. */
export const createBatch = ({ engines, clock, metrics, faults, logger, tracer, calculate }: BatchDeps) => {
  const priceRows = async (body: unknown, tally: ReturnType<typeof createTally>, signal: AbortSignal | undefined) => {
    const { options, outputs } = readEnvelope(body);
    const results: BatchRow[] = [];
    const styles = new Set<string>();
    let firstThrown: unknown;
    for (const [index, row] of options.entries()) {
      let model: Model | undefined;
      try {
        const read = readRow(row, `/options/${index}`, engines);
        model = read.model;
        if ('failed' in read) {
          results.push(read.failed);
          tally.add(model, 'invalid');
          continue;
        }
        styles.add(read.option.exercise_style);
        const engine = engines.engine(model!);
        if (faults.armed('pricing.engine')) await faults.reach('pricing.engine', signal);
        const result = calculate(engine, read.option, outputs);
        const failed = typeof result === 'string';
        results.push(failed ? failedRow(read.option, 'pricing_calculation_failed', result) : result);
        tally.add(model, failed ? 'failed' : 'ok');
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        firstThrown ??= error;
        const [field] = error.errors ?? [];
        results.push(failedRow(row, error.code, field?.detail ?? error.message, field?.pointer));
        tally.add(model, outcomeOf(error.code));
      }
    }
    logCause(firstThrown, logger);
    return { results, style: styles.size > 1 ? 'mixed' : [...styles][0] };
  };

  return async (body: unknown, signal?: AbortSignal): Promise<BatchResult> => {
    const started = clock.monotonic();
    const span = tracer.startSpan('pricing.batch');
    const tally = createTally();
    try {
      const { results, style } = await priceRows(body, tally, signal);
      const failed = tally.total.invalid + tally.total.failed;
      if (style !== undefined) span.setAttribute('pricing.exercise_style', style);
      span.setAttributes({ 'pricing.batch.size': results.length, 'pricing.batch.failed': failed });
      metrics.observe('volwatch_pricing_batch_size', { format: 'objects' }, results.length);
      return {
        results,
        total_count: results.length,
        succeeded: tally.total.ok,
        failed,
        computation_time_ms: clock.monotonic() - started,
      };
    } catch (error) {
      const outcome = outcomeOf(reportFailure(error, span, logger));
      tally.add(undefined, outcome);
      throw error;
    } finally {
      const elapsed = clock.monotonic() - started;
      const label = tally.label();
      span.setAttribute('pricing.model', label);
      for (const [model, counts] of tally.byModel) {
        for (const outcome of ['ok', 'invalid', 'failed'] as const) {
          if (counts[outcome] === 0) continue;
          metrics.count('volwatch_pricing_options_total', { operation: 'batch', model, outcome }, counts[outcome]);
        }
      }
      metrics.observe('volwatch_pricing_duration_seconds', { operation: 'batch', model: label }, elapsed / 1000);
      addTiming('pricing', elapsed);
      span.end();
    }
  };
};
