import { SpanStatusCode, type Span } from '@opentelemetry/api';
import type { AbuseKind, AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError, codeOf, errorTable, type ErrorCode, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export const invalidRequest = (errors: readonly FieldError[], abuse?: AbuseKind): AppError =>
  new AppError('validation_failed', 'The request breaks its schema', { errors, ...(abuse && { abuse }) });

/** The `outcome` label of `volwatch_pricing_options_total`. */
export const outcomeOf = (code: ErrorCode): 'invalid' | 'failed' =>
  errorTable[code].category === 'validation' || code === 'pricing_model_unknown' ? 'invalid' : 'failed';

/** Marks the span, and logs what lies behind an error of ours; an engine that cannot be built is somebody's to mend. */
export const reportFailure = (error: unknown, span: Span, logger: Logger): ErrorCode => {
  const code = codeOf(error);
  span.setAttribute('error.type', code);
  if (errorTable[code].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  logCause(error, logger);
  return code;
};

export const logCause = (error: unknown, logger: Logger): void => {
  if (!(error instanceof AppError) || error.cause === undefined) return;
  const level = error.code === 'pricing_engine_unavailable' ? 'error' : 'warn';
  logger[level]({ code: error.code, err: error.cause }, error.message);
};

/** Counts a refusal of more than a caller's share. */
export const reportAbuse = (error: unknown, abuse: AbuseReport): void => {
  if (error instanceof AppError && error.abuse) abuse.refused(error.abuse, currentRequest()?.clientIp);
};
