import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { maxBatchRows } from './batch-row.ts';
import { invalidRequest } from '../request/failures.ts';
import { hestonParameters, optionPrice } from '../models/inputs.ts';
import { pricingModels } from '../models/models.ts';
import type { OutputName } from '../models/outputs.ts';

/** Numbers of every row; NaN if `at` returns something that is not a number. */
type NumberColumn = { readonly numbers: Float64Array; readonly at: (index: number) => unknown };
type TextColumn = {
  readonly numbers?: undefined;
  readonly at: (index: number) => unknown;
  /** The value of all rows, if they are known to have the same one. */
  readonly only?: unknown;
};
export type Column = NumberColumn | TextColumn;

/** The inputs of a batch by column. A cell is `undefined` where its row does not have that input. */
type ColumnTable = { readonly size: number; readonly columns: ReadonlyMap<string, Column> };
export type ColumnRequest = { readonly table: ColumnTable; readonly outputs: readonly OutputName[] };

export type ColumnFailure = { readonly index: number; readonly code: string; readonly detail: string };
/**
 * The answer to a batch by columns. `failed` is 1 for each failed row; the numbers of these rows in `values` have no
 * meaning.
 */
export type ColumnResult = {
  readonly size: number;
  readonly values: readonly (readonly [OutputName, Float64Array])[];
  readonly failed: Uint8Array;
  /** Ascending by index. */
  readonly failures: readonly ColumnFailure[];
  readonly computationTimeMs: number;
};

/** Text columns that may differ by row. In Arrow, the columns of `envelopeTexts` may differ too. */
export const textColumns: readonly string[] = ['option_type', 'precision', 'symbol'];
/** Members of the envelope that apply to all rows of a batch of JSON columns. */
export const envelopeTexts: readonly string[] = ['model', 'exercise_style'];
/** Columns that are members of a nested object in a row, by the name of that object. */
export const nestedColumns: Readonly<Record<string, readonly string[]>> = {
  heston: hestonParameters.map(({ name }) => name),
};
const nested = new Set(Object.values(nestedColumns).flat());
export const numberColumns: readonly string[] = [
  ...new Set([...pricingModels.flatMap(({ numbers }) => numbers.map(({ name }) => name)), ...nested, optionPrice.name]),
];

export const columnKind = (name: string): 'number' | 'text' | undefined => {
  if (textColumns.includes(name) || envelopeTexts.includes(name)) return 'text';
  return numberColumns.includes(name) ? 'number' : undefined;
};

export const columnError = (name: string, code: string, detail: string): FieldError => ({
  pointer: name === '' ? '/columns' : memberPointer('/columns', name),
  code,
  detail,
});

/** @throws AppError `validation_failed` unless there are 1 to `maxBatchRows` rows */
export const checkSize = (size: number): void => {
  if (size >= 1 && size <= maxBatchRows) return;
  throw invalidRequest([columnError('', 'invalid_length', `columns must have 1 to ${maxBatchRows} rows`)]);
};
