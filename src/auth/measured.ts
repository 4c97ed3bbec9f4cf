import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';

type Operation = LabelsOf<'volwatch_auth_duration_seconds'>['operation'];
type AuthFailureReason = LabelsOf<'volwatch_auth_failures_total'>['reason'];
export type Measure = <T>(operation: Operation, work: () => Promise<T>) => Promise<T>;

/** Whether the credentials were refused. Faults of the service and malformed requests are other cases. */
const isAuthenticationFailure = (error: AppError): error is AppError & { readonly code: AuthFailureReason } =>
  error.definition.category === 'authentication';

/** Counts a refused authentication by reason. Other errors are not counted. */
export const countFailure = (metrics: Metrics, error: AppError): void => {
  if (isAuthenticationFailure(error)) metrics.count('volwatch_auth_failures_total', { reason: error.code });
};

/**
 * Runs an authentication operation in the span `auth.OPERATION`. It records the duration in a histogram and in
 * `Server-Timing`, and counts refusals. An error that is not an AppError becomes `auth_service_error`, because a fault of
 * the service must not look like a wrong credential.
 */
export const createMeasure = ({ clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics }): Measure => {
  const tracer = trace.getTracer('volwatch.auth');
  return (operation, work) =>
    tracer.startActiveSpan(`auth.${operation}`, async (span) => {
      const start = clock.monotonic();
      let outcome: LabelsOf<'volwatch_auth_duration_seconds'>['outcome'] = 'ok';
      try {
        return await work();
      } catch (thrown) {
        const error =
          thrown instanceof AppError ? thrown : new AppError('auth_service_error', undefined, { cause: thrown });
        outcome = error.definition.status >= 500 ? 'error' : 'refused';
        span.setAttribute('error.type', error.code);
        if (outcome === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
        countFailure(metrics, error);
        throw error;
      } finally {
        const milliseconds = clock.monotonic() - start;
        addTiming('auth', milliseconds);
        metrics.observe('volwatch_auth_duration_seconds', { operation, outcome }, milliseconds / 1000);
        span.end();
      }
    });
};
