import { errorTable, type ErrorCategory, type ErrorCode } from '#src/kernel/errors.ts';
import type { PricedOption } from './calculate.ts';
import type { EngineFactory } from './engine-factory.ts';
import type { Option } from './engine.ts';
import { inputNames, type Model } from './models.ts';
import { isRow, readModelName, readOption, type Row } from './read-option.ts';

export type RowError = {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly detail: string;
  /** JSON Pointer into the body of the whole batch. */
  readonly pointer?: string;
};
/** What is wrong with a row, beside those of its members that are inputs. */
export type FailedRow = Row & { readonly error: RowError };
export type BatchRow = PricedOption | FailedRow;

export const failedRow = (row: unknown, code: ErrorCode, detail: string, pointer?: string): FailedRow => {
  const { category } = errorTable[code];
  const echo: Record<string, unknown> = {};
  if (isRow(row)) for (const name of inputNames) if (row[name] !== undefined) echo[name] = row[name];
  return { ...echo, error: pointer === undefined ? { code, category, detail } : { code, category, detail, pointer } };
};

export type ReadRow = { readonly model: Model | undefined } & (
  | { readonly option: Option }
  | { readonly failed: FailedRow }
);

/**
 * One row validated; a broken rule is answered, not thrown.
 * @throws AppError `pricing_model_unknown`, `validation_failed` when the model is not a text
 */
export const readRow = (row: unknown, at: string, engines: EngineFactory): ReadRow => {
  if (!isRow(row)) {
    return { model: undefined, failed: failedRow(row, 'validation_failed', 'A row must be an object', at) };
  }
  const model = engines.model(readModelName(row, at));
  const option = readOption(row, model, at);
  if (!Array.isArray(option)) return { model, option };
  const [first] = option;
  return { model, failed: failedRow(row, 'validation_failed', first!.detail, first!.pointer) };
};
