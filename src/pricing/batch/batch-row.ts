import { errorTable, type ErrorCategory, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { inputNames } from '../models/models.ts';
import { isRow, type Row } from '../request/rows.ts';
import { idMember } from './row-id.ts';

/** Max rows of one batch. */
export const maxBatchRows = 100_000;

const echoedNames = [idMember, ...inputNames];

type RowError = {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly detail: string;
  /** JSON Pointer into the body of the whole batch. */
  readonly pointer?: string;
};
/** A failed row: its members that are inputs, and the error. */
type FailedRow = Row & { readonly error: RowError };

export const failedRow = (row: unknown, code: ErrorCode, detail: string, pointer?: string): FailedRow => {
  const { category } = errorTable[code];
  const echo: Record<string, unknown> = {};
  if (isRow(row)) for (const name of echoedNames) if (row[name] !== undefined) echo[name] = row[name];
  return { ...echo, error: pointer === undefined ? { code, category, detail } : { code, category, detail, pointer } };
};
