import { SpanStatusCode, type Span } from '@opentelemetry/api';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { optionTypes } from '../models/engine.ts';

export { validationFailed as invalidRequest } from '#src/kernel/requests/validation-failed.ts';

/** The `outcome` label of `volwatch_pricing_options_total`. */
export const outcomeOf = (code: ErrorCode): 'invalid' | 'failed' =>
  errorTable[code].category === 'validation' || code === 'pricing_model_unknown' ? 'invalid' : 'failed';

/** What was calculated, for the log. */
export type Calculation = { readonly model: string; readonly inputs: unknown };

const loggedTexts: ReadonlySet<unknown> = new Set(optionTypes);
const isLogged = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || loggedTexts.has(value);

/** The members of an option that can be in the log. Its other texts, such as the name of a preset, can be anything. */
const loggedInputs = (inputs: unknown): object =>
  Object.fromEntries(Object.entries(Object(inputs) as object).filter(([, value]) => isLogged(value)));

/** Records an error in the span and logs it with `logCause`. @returns the error code */
export const reportFailure = (error: unknown, span: Span, logger: Logger, calculation?: Calculation): ErrorCode => {
  const code = codeOf(error);
  span.setAttribute('error.type', code);
  if (errorTable[code].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  logCause(error, logger, calculation);
  return code;
};

/**
 * Logs an AppError that has a cause, and each `pricing_calculation_failed` with its model and what `loggedInputs` keeps. Levels:
 * `error` if an engine cannot be built, because an operator must act; `warn` for other causes; `info` if the inputs have no
 * result.
 */
export const logCause = (error: unknown, logger: Logger, calculation?: Calculation): void => {
  if (!(error instanceof AppError)) return;
  const { code, cause, message } = error;
  if (cause === undefined && (calculation === undefined || code !== 'pricing_calculation_failed')) return;
  const level = code === 'pricing_engine_unavailable' ? 'error' : cause === undefined ? 'info' : 'warn';
  const calculated = calculation && { model: calculation.model, inputs: loggedInputs(calculation.inputs) };
  logger[level]({ code, ...calculated, ...(cause !== undefined && { err: cause }) }, message);
};

/** Counts an error that has an abuse kind, for example more work than one caller may have in progress. */
export const reportAbuse = (error: unknown, abuse: AbuseReport): void => {
  if (error instanceof AppError && error.abuse) abuse.refused(error.abuse, currentRequest()?.clientIp);
};
