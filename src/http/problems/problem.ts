import { STATUS_CODES } from 'node:http';
import { AppError, errorTable } from '#src/kernel/catalogue/errors.ts';

export const problemType = 'application/problem+json';

export type ProblemOptions = {
  readonly production: boolean;
  readonly instance: string;
  readonly requestId: string;
  readonly traceId: string;
};

const unexpected = 'An unexpected error occurred';

/** Returns an AppError unchanged. Any other thrown value becomes the cause of an `internal_error`. */
export const toAppError = (thrown: unknown): AppError =>
  thrown instanceof AppError ? thrown : new AppError('internal_error', unexpected, { cause: thrown });

/** The class, because some libraries set `name` to a word of their own. */
const nameOf = (cause: unknown): string => (cause instanceof Error ? cause.constructor.name : `a ${typeof cause}`);

/**
 * What a caller is told. Outside production a fault of the service also has the class of its cause, and an unexpected
 * error its message. In production only texts of our own are shown.
 */
const detailOf = (error: AppError, production: boolean): string => {
  const { code, cause, message } = error;
  if (production) return code === 'internal_error' ? unexpected : message;
  if (cause === undefined || cause === null) return message;
  const told = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : '';
  if (code === 'internal_error') {
    if (told === '') return message;
    return message === unexpected ? told : `${message}: ${told}`;
  }
  if (error.definition.status === 500) return `${message} (${nameOf(cause)})`;
  if (error.definition.category === 'pricing' && told !== '' && !message.includes(told)) return `${message}: ${told}`;
  return message;
};

/** The members of the problem document of an error. */
export const problemOf = (error: AppError, options: ProblemOptions): Record<string, unknown> => {
  const { status, category, title } = errorTable[error.code];
  const { production, instance, requestId, traceId } = options;
  const cause = error.cause;
  return {
    ...error.members,
    type: `/problems/${error.code}`,
    title,
    status,
    detail: detailOf(error, production),
    instance,
    code: error.code,
    category,
    request_id: requestId,
    trace_id: traceId,
    ...(error.errors && { errors: error.errors, errors_total: error.errorsTotal }),
    ...(status === 500 && !production && { stack: (cause instanceof Error ? cause : error).stack }),
  };
};

/** The headers of an error answer: the headers of the error, and `Retry-After` in whole seconds. */
export const problemHeaders = (error: AppError): Record<string, string> => {
  const { status, retryable } = error.definition;
  const seconds = error.retryAfter ?? (status === 503 && retryable ? 1 : undefined);
  return { ...error.headers, ...(seconds !== undefined && { 'Retry-After': String(Math.max(1, Math.ceil(seconds))) }) };
};

export const reasonPhrase = (status: number): string => STATUS_CODES[status] ?? 'Error';
