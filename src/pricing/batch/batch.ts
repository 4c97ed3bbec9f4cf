import { context, trace, type Tracer } from '@opentelemetry/api';
import { startChildSpan } from '#src/kernel/spans.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { createTurns, nextTurnOfLoop, runInTurns } from '#src/kernel/streams/turns.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import type { GivenBatch, PreparedBatch } from './prepared-batch.ts';
import { prepareBatch } from './prepare-batch.ts';
import {
  createTally,
  modelLabelOf,
  outcomes,
  styleLabelOf,
  totalsOf,
  type Outcome,
  type TallyData,
} from './batch-tally.ts';
import { createMovedCallers } from './moved-callers.ts';
import { logCause, outcomeOf, reportAbuse, reportFailure } from '../request/failures.ts';
import type { PricingServiceDeps } from '../pricing-service-deps.ts';
import { runSlices } from './slices.ts';
import type { WorkEstimate } from '../models/cost.ts';
import { SlowCalculation } from '../models/slow-calculation.ts';
import { expectedTime } from '../workers/expected-time.ts';
import { createLoopTurns } from '../workers/loop-turns.ts';
import type { WorkOptions } from '../workers/pool.ts';
import { errorOf, outcomeSteps, type BatchOutcome } from '../workers/protocol.ts';

/** Parsing more bytes than this blocks the event loop too long; measured by `npm run bench:http`. */
const workerBytes = 65_536;
/**
 * Estimated milliseconds above which a pricing process does the calculation, because it would block the event loop of
 * the service. A slow processor takes three times as long as the estimate (docs/decisions/0244).
 */
export const workerMs = 3;

/** Whether the calculation could block the event loop of the service. */
export const needsProcess = ({ totalMs, isUncertain }: WorkEstimate, maxMs = workerMs): boolean =>
  !(totalMs < maxMs) || isUncertain === true;

/**
 * Measured milliseconds after which a batch with a low estimate goes to a pricing process, which begins it again. The
 * estimate does not know every slow input.
 */
const maxOwnMs = 15;

export type BatchOptions = {
  readonly signal?: AbortSignal;
  /**
   * Set if the batch is part of a pricing job. It runs when no other work waits, and may take longer than a request.
   * `defaults` replaces the present settings of the user.
   */
  readonly job?: {
    readonly caller: string;
    readonly maxMs: number;
    readonly defaults?: PricingDefaults | undefined;
  };
};

export type BatchDeps = PricingServiceDeps & { readonly tracer: Tracer };

/** Prices a batch or a grid in the service or in a pricing process; see `PricingService.batch`. */
export const createBatch = (deps: BatchDeps, operation: 'batch' | 'grid' = 'batch') => {
  const { engines, clock, metrics, faults, logger, tracer, workers, abuse, callerOf, defaultsOf, maxWorkMs } = deps;
  const turns = createLoopTurns({ pause: nextTurnOfLoop });
  const movedCallers = createMovedCallers(clock);
  /** An injected fault applies to each row, and only the service knows the faults. */
  const runWithFaults = async (batch: PreparedBatch, signal: AbortSignal | undefined): Promise<void> => {
    for (let index = 0; index < batch.size; index++) {
      try {
        await faults.reach('pricing.engine', signal);
        batch.run(index, index + 1);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        batch.fail(index, error);
      }
    }
  };

  /** @returns no outcome if a pricing process must do the work */
  const priceHere = async (
    request: GivenBatch,
    caller: string,
    signal: AbortSignal | undefined,
    armed: boolean,
  ): Promise<{ readonly outcome: BatchOutcome } | { readonly estimate?: WorkEstimate }> => {
    const stopped = (): AppError =>
      new AppError('overloaded', 'The calculation did not end in time', { retryAfter: 1 });
    if (signal?.aborted) throw stopped();
    const started = performance.now();
    const batch = await prepareBatch({ ...request, bytes: ByteBlocks.of(request.bytes).joined() }, engines);
    if (armed) await runWithFaults(batch, signal);
    else {
      // The estimate may need the years of all dates, and to read these would take too long here.
      if ((batch.preparationMs ?? 0) > workerMs) return {};
      const estimate = batch.estimate();
      if (needsProcess(estimate)) return { estimate };
      let workedMs = 0;
      const isDone = await runSlices(
        batch,
        estimate,
        (milliseconds) => {
          workedMs += milliseconds;
          return workedMs > maxOwnMs || (signal?.aborted ?? false);
        },
        nextTurnOfLoop,
      ).catch((error: unknown) => {
        if (error instanceof SlowCalculation) return false;
        throw error;
      });
      if (signal?.aborted) throw stopped();
      if (!isDone) {
        movedCallers.add(caller);
        metrics.count('volwatch_pricing_moved_total', { operation });
        return {};
      }
    }
    return { outcome: await runInTurns(outcomeSteps(batch, performance.now() - started), createTurns()) };
  };

  const price = async (request: GivenBatch, options: BatchOptions): Promise<BatchOutcome> => {
    const { signal, job } = options;
    const work: WorkOptions = job
      ? { signal, kind: 'job', caller: job.caller, maxMs: job.maxMs }
      : { signal, kind: 'batch', caller: callerOf(), maxMs: maxWorkMs };
    const armed = faults.armed('pricing.engine');
    // Processes read and write all Arrow batches, except while a fault is injected.
    // A short grid request can be much work, so only processes read it.
    const isLarge = request.kind === 'grid' || request.bytes.byteLength > workerBytes;
    const isArrow = request.input === 'arrow' || request.answer[0] === 'arrow';
    if (!armed && (isArrow || isLarge || movedCallers.has(work.caller))) return workers.run(request, work);
    const { caller, kind } = work;
    const priced = (): ReturnType<typeof priceHere> => priceHere(request, caller, signal, armed);
    // An injected fault may wait at each row, and other batches must not wait for it.
    const own = armed
      ? await priced()
      : await turns.run({ caller, kind, expectedMs: expectedTime(request.bytes.byteLength) }, priced);
    return 'outcome' in own ? own.outcome : workers.run(request, { ...work, ...own });
  };

  /** One log line for a batch, because 100,000 rows may fail for the same reason. */
  const reportFailedRows = ({ tally: { failures, firstFailures }, size, format }: BatchOutcome): void => {
    if (failures.size === 0) return;
    for (const [code, count] of failures) metrics.count('volwatch_pricing_failed_items_total', { code }, count);
    const fields = { rows: size, format, failed_by_code: Object.fromEntries(failures), first_failures: firstFailures };
    logger.info(fields, `a ${operation} has rows that were not priced`);
  };

  const readDefaults = async ({ bytes }: Pick<GivenBatch, 'bytes'>, { job }: BatchOptions) => {
    try {
      return await defaultsOf(job?.caller);
    } catch (error) {
      // No task will release them.
      ByteBlocks.release(bytes);
      throw error;
    }
  };

  return async (given: Omit<GivenBatch, 'defaults'>, options: BatchOptions = {}): Promise<BatchOutcome> => {
    const started = clock.monotonic();
    const span = startChildSpan(tracer, `pricing.${operation}`);
    let tally: TallyData = createTally();
    let refusedOutcome: Outcome | undefined;
    try {
      const outcome = await context.with(trace.setSpan(context.active(), span), async () => {
        const defaults = options.job?.defaults ?? (await readDefaults(given, options));
        return price({ ...given, ...(defaults && { defaults }) }, options);
      });
      const { size, format, thrown } = outcome;
      tally = outcome.tally;
      if (thrown) logCause(errorOf(thrown), logger);
      const style = styleLabelOf(tally);
      if (style !== undefined) span.setAttribute('pricing.exercise_style', style);
      const { ok } = totalsOf(tally);
      span.setAttributes({ 'pricing.batch.size': size, 'pricing.batch.failed': size - ok });
      metrics.observe('volwatch_pricing_batch_size', { format }, size);
      reportFailedRows(outcome);
      return outcome;
    } catch (error) {
      reportAbuse(error, abuse);
      refusedOutcome = outcomeOf(reportFailure(error, span, logger));
      throw error;
    } finally {
      const elapsed = clock.monotonic() - started;
      const label = modelLabelOf(tally);
      span.setAttribute('pricing.model', label);
      if (refusedOutcome !== undefined) {
        const labels = { operation, model: 'unknown', outcome: refusedOutcome } as const;
        metrics.count('volwatch_pricing_options_total', labels);
      }
      for (const [model, counts] of tally.byModel) {
        for (const outcome of outcomes) {
          if (counts[outcome] === 0) continue;
          metrics.count('volwatch_pricing_options_total', { operation, model, outcome }, counts[outcome]);
        }
      }
      for (const [model, count] of tally.notConverged) {
        metrics.count('volwatch_pricing_not_converged_total', { model }, count);
      }
      metrics.observe('volwatch_pricing_duration_seconds', { operation, model: label }, elapsed / 1000);
      addTiming('pricing', elapsed);
      span.end();
    }
  };
};
