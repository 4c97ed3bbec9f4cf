import { STATUS_CODES } from 'node:http';
import { AppError, errorTable } from '#src/kernel/catalogue/errors.ts';

export const problemType = 'application/problem+json';
/** Bounds the size of the answer to a request with many faults. */
const maxShownErrors = 20;

export type ProblemOptions = {
  readonly production: boolean;
  readonly instance: string;
  readonly requestId: string;
  readonly traceId: string;
};

/** Returns an AppError unchanged. Any other thrown value becomes the cause of an `internal_error`. */
export const toAppError = (thrown: unknown): AppError =>
  thrown instanceof AppError
    ? thrown
    : new AppError('internal_error', 'An unexpected error occurred', { cause: thrown });

/** The members of the problem document of an error. */
export const problemOf = (error: AppError, options: ProblemOptions): Record<string, unknown> => {
  const { status, category, title } = errorTable[error.code];
  const { production, instance, requestId, traceId } = options;
  const isUnexpected = error.code === 'internal_error';
  const cause = error.cause;
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    detail: isUnexpected && production ? 'An unexpected error occurred' : error.message,
    instance,
    code: error.code,
    category,
    request_id: requestId,
    trace_id: traceId,
    ...(error.errors && { errors: error.errors.slice(0, maxShownErrors), errors_total: error.errors.length }),
    ...(isUnexpected && !production && { stack: (cause instanceof Error ? cause : error).stack }),
  };
};

/** The headers of an error answer: the headers of the error, and `Retry-After` in whole seconds. */
export const problemHeaders = (error: AppError): Record<string, string> => {
  const { status, retryable } = error.definition;
  const seconds = error.retryAfter ?? (status === 503 && retryable ? 1 : undefined);
  return { ...error.headers, ...(seconds !== undefined && { 'Retry-After': String(Math.max(1, Math.ceil(seconds))) }) };
};

export const reasonPhrase = (status: number): string => STATUS_CODES[status] ?? 'Error';
