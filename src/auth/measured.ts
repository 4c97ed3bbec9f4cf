import { trace } from '@opentelemetry/api';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import {
  authOperations,
  type AuthOperationName,
  type OperatorOperationName,
} from '#src/kernel/catalogue/operations.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import { runInSpan } from '#src/kernel/spans.ts';
import type { SecretHasher } from './secrets/secret-hasher.ts';

type AuthFailureReason = LabelsOf<'volwatch_auth_failures_total'>['reason'];
export type Measure = <T>(operation: AuthOperationName, work: () => Promise<T>) => Promise<T>;

const tracerName = 'volwatch.auth';

/** Whether the credentials were refused. Faults of the service and malformed requests are other cases. */
const isAuthenticationFailure = (error: AppError): error is AppError & { readonly code: AuthFailureReason } =>
  error.definition.category === 'authentication';

/** Counts a refused authentication by reason. Other errors are not counted. */
export const countFailure = (metrics: Metrics, error: AppError): void => {
  if (isAuthenticationFailure(error)) metrics.count('volwatch_auth_failures_total', { reason: error.code });
};

/**
 * Runs an operation of `authOperations` in the span `auth.OPERATION`. It records the duration in a histogram and in
 * `Server-Timing`, and counts refusals. A part of another operation has only span and histogram, because the whole counts.
 * An error that is not an AppError becomes `auth_service_error`, because a fault of the service must not look like a
 * wrong credential.
 */
export const createMeasure = ({ clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics }): Measure => {
  const tracer = trace.getTracer(tracerName);
  return (operation, work) => {
    const isPart = 'isPart' in authOperations[operation];
    return runInSpan(tracer, `auth.${operation}`, {}, async () => {
      const start = clock.monotonic();
      let outcome: LabelsOf<'volwatch_auth_duration_seconds'>['outcome'] = 'ok';
      try {
        return await work();
      } catch (thrown) {
        const error =
          thrown instanceof AppError ? thrown : new AppError('auth_service_error', undefined, { cause: thrown });
        outcome = error.definition.status >= 500 ? 'error' : 'refused';
        if (!isPart) countFailure(metrics, error);
        throw error;
      } finally {
        const milliseconds = clock.monotonic() - start;
        if (!isPart) addTiming('auth', milliseconds);
        metrics.observe('volwatch_auth_duration_seconds', { operation, outcome }, milliseconds / 1000);
      }
    });
  };
};

/** Measures both functions of a hasher, with the wait for a place among the hashes that run at once. */
export const measuredHasher = (hasher: SecretHasher, measure: Measure): SecretHasher => ({
  hash: (secret) => measure('hash_secret', () => hasher.hash(secret)),
  verify: (secret, stored) => measure('verify_secret', () => hasher.verify(secret, stored)),
});

/** Runs an operation of `operatorOperations` in its span. */
export const runOperatorCommand = <T>(operation: OperatorOperationName, work: () => Promise<T>): Promise<T> =>
  runInSpan(trace.getTracer(tracerName), `auth.${operation}`, {}, work);
