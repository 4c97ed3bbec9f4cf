import { SpanStatusCode, type Span } from '@opentelemetry/api';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export { validationFailed as invalidRequest } from '#src/kernel/requests/validation-failed.ts';

/** The `outcome` label of `volwatch_pricing_options_total`. */
export const outcomeOf = (code: ErrorCode): 'invalid' | 'failed' =>
  errorTable[code].category === 'validation' || code === 'pricing_model_unknown' ? 'invalid' : 'failed';

/** What was calculated, for the log. */
export type Calculation = { readonly model: string; readonly inputs: unknown };

/** Records an error in the span, and logs its cause and a failed calculation. @returns the error code */
export const reportFailure = (error: unknown, span: Span, logger: Logger, calculation?: Calculation): ErrorCode => {
  const code = codeOf(error);
  span.setAttribute('error.type', code);
  if (errorTable[code].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  logCause(error, logger, calculation);
  return code;
};

/**
 * Logs the cause of an AppError, and each failed calculation with its model and inputs. If an engine cannot be built, the
 * level is `error`, because an operator must act. Inputs without a result have level `info`: they are the caller's.
 */
export const logCause = (error: unknown, logger: Logger, calculation?: Calculation): void => {
  if (!(error instanceof AppError)) return;
  const { code, cause, message } = error;
  if (cause === undefined && (calculation === undefined || code !== 'pricing_calculation_failed')) return;
  const level = code === 'pricing_engine_unavailable' ? 'error' : cause === undefined ? 'info' : 'warn';
  logger[level]({ code, ...calculation, ...(cause !== undefined && { err: cause }) }, message);
};

/** Counts an error that has an abuse kind, for example work above the share of a caller. */
export const reportAbuse = (error: unknown, abuse: AbuseReport): void => {
  if (error instanceof AppError && error.abuse) abuse.refused(error.abuse, currentRequest()?.clientIp);
};
