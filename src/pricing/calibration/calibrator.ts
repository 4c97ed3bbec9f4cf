import { context, trace, type Tracer } from '@opentelemetry/api';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { startChildSpan } from '#src/kernel/spans.ts';
import { computationTime } from '../request/computation-time.ts';
import { outcomeOf, reportAbuse, reportFailure } from '../request/failures.ts';
import type { PricingWorkers, WorkOptions } from '../workers/pool.ts';
import type { TaskSummary } from '../workers/protocol.ts';
import type { Calibration } from './calibration.ts';
import { estimateUnread } from './calibration-task.ts';

export type CalibratorDeps = {
  readonly workers: PricingWorkers;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly logger: Logger;
  readonly abuse: AbuseReport;
  /** Returns the caller whose usage the work of the current request counts against. */
  readonly callerOf: () => string;
  /** Estimated milliseconds above which a calibration is refused. */
  readonly maxWorkMs: number;
  /** Max nesting of the JSON of a request. */
  readonly jsonDepth: number;
};

type TimedCalibration = Calibration & { readonly model: 'heston'; readonly computation_time_ms: number };

export type Calibrator = {
  /**
   * Fits the parameters of Heston to the quotes of a JSON body. A pricing process reads the body and does the work.
   * @throws AppError `malformed_body`, `validation_failed`, `pricing_calculation_failed`, and the errors of
   * `PricingWorkers.run`
   */
  readonly calibrate: (bytes: Uint8Array | ByteBlocks, signal?: AbortSignal) => Promise<TimedCalibration>;
};

const labels = { operation: 'calibrate', model: 'heston' } as const;

export const createCalibrator = (deps: CalibratorDeps): Calibrator => {
  const { workers, tracer, clock, metrics, faults, logger, abuse, callerOf, maxWorkMs, jsonDepth } = deps;

  const run = async (
    bytes: Uint8Array | ByteBlocks,
    signal: AbortSignal | undefined,
    onSummary: NonNullable<WorkOptions['onSummary']>,
  ): Promise<Calibration> => {
    await faults.reach('pricing.engine', signal);
    const request = { bytes, input: 'quotes', jsonDepth } as const;
    const estimate = estimateUnread(bytes.byteLength);
    const options = { signal, kind: 'batch', caller: callerOf(), maxMs: maxWorkMs, estimate, onSummary } as const;
    return workers.calibrate(request, options);
  };

  return {
    calibrate: async (bytes, signal) => {
      const started = clock.monotonic();
      const span = startChildSpan(tracer, 'pricing.calibrate');
      span.setAttribute('pricing.model', labels.model);
      // The quotes are known once a process has read the body. A request that cannot be read counts as one.
      let read = 1;
      const onSummary = ({ rows }: TaskSummary): void => {
        read = rows;
      };
      try {
        const fitted = await context.with(trace.setSpan(context.active(), span), () => run(bytes, signal, onSummary));
        const { converged, stop_reason: reason, evaluations, quotes, starts } = fitted;
        metrics.count('volwatch_pricing_options_total', { ...labels, outcome: 'ok' }, quotes.length);
        metrics.count('volwatch_pricing_calibrations_total', { stop_reason: reason });
        metrics.observe('volwatch_pricing_calibration_evaluations', {}, evaluations);
        span.setAttributes({
          'pricing.batch.size': quotes.length,
          'pricing.calibration.stop_reason': reason,
          'pricing.calibration.evaluations': evaluations,
        });
        if (!converged) {
          const fields = {
            stop_reason: reason,
            at_bounds: fitted.at_bounds,
            quotes: quotes.length,
            starts,
            evaluations,
          };
          logger.info(fields, 'a calibration has not converged');
        }
        const elapsed = computationTime(clock.monotonic() - started);
        return { model: labels.model, ...fitted, computation_time_ms: elapsed };
      } catch (error) {
        reportAbuse(error, abuse);
        const outcome = outcomeOf(reportFailure(error, span, logger));
        metrics.count('volwatch_pricing_options_total', { ...labels, outcome }, read);
        throw error;
      } finally {
        const elapsed = clock.monotonic() - started;
        metrics.observe('volwatch_pricing_duration_seconds', labels, elapsed / 1_000);
        addTiming('pricing', elapsed);
        span.end();
      }
    },
  };
};
