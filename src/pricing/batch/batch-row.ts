import { errorTable, type ErrorCategory, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { dividendMembers, maxDividends } from '../models/inputs.ts';
import { inputNames } from '../models/models.ts';
import { isRow, type Row } from '../request/rows.ts';
import { idMember } from './row-id.ts';

/** Max rows of one batch. */
export const maxBatchRows = 100_000;

const echoedNames = [idMember, ...inputNames];

/** A dividend is an object with its members. A dated one also has its date in the answer. */
const valuesOfDividend = 1 + dividendMembers.length + 1;
/** Max values in the members of a failed row that its answer repeats. A row that can be valid has no more. */
const maxEchoedValues = 100 + maxDividends * valuesOfDividend;
/** So many characters of a text count as a value, because they take as long to write. */
const charactersPerValue = 64;

/** @returns the values in a member of a row, or more than `max` of it */
const countValues = (value: unknown, max: number): number => {
  if (typeof value === 'string') return 1 + Math.floor(value.length / charactersPerValue);
  if (typeof value !== 'object' || value === null) return 1;
  let count = 1;
  for (const each of Array.isArray(value) ? value : Object.values(value)) {
    count += countValues(each, max - count);
    if (count > max) break;
  }
  return count;
};

/** The values in the lists of a row of the answer. Only a failed row can have others than dividends. */
export const valuesOfRow = (row: { readonly dividends?: unknown; readonly error?: unknown }): number => {
  if (row.error === undefined) return Array.isArray(row.dividends) ? row.dividends.length * valuesOfDividend : 0;
  const lists = Object.values(row).filter((value) => typeof value === 'object');
  return countValues(lists, maxEchoedValues);
};

type RowError = {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly detail: string;
  /** JSON Pointer into the body of the whole batch. */
  readonly pointer?: string;
};
/** A failed row: its members that are inputs, as far as a row that can be valid may have them, and the error. */
type FailedRow = Row & { readonly error: RowError };

export const failedRow = (row: unknown, code: ErrorCode, detail: string, pointer?: string): FailedRow => {
  const { category } = errorTable[code];
  const echo: Record<string, unknown> = {};
  let left = maxEchoedValues;
  for (const name of isRow(row) ? echoedNames : []) {
    const value = (row as Row)[name];
    const values = value === undefined ? Infinity : countValues(value, left);
    if (values > left) continue;
    left -= values;
    echo[name] = value;
  }
  return { ...echo, error: pointer === undefined ? { code, category, detail } : { code, category, detail, pointer } };
};
