import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { maxBatchRows } from '../batch-row.ts';
import { invalidRequest } from '../../request/failures.ts';
import { hestonParameters, optionPrice } from '../../models/inputs.ts';
import { pricingModels, type ModelName } from '../../models/models.ts';
import type { OutputName } from '../../models/outputs.ts';
import { conventionNames } from '../../request/conventions/convention-members.ts';
import type { UnitSystem } from '../../request/market-units.ts';
import { unknownColumnText } from '../../request/messages.ts';
import { idMember } from '../row-id.ts';

/** Numbers of every row; NaN if `at` returns something that is not a number. */
type NumberColumn = { readonly numbers: Float64Array; readonly at: (index: number) => unknown };
type TextColumn = {
  readonly numbers?: undefined;
  readonly at: (index: number) => unknown;
  /** The value of all rows, if they are known to have the same one. */
  readonly only?: unknown;
  /** Of a column of lists: the number of items of a row, undefined if it has no list. No list is built for it. */
  readonly countAt?: (index: number) => number | undefined;
  /** Of a column of dividends: the sum of the amounts of a row, not validated. No list is built for it. */
  readonly sumAt?: (index: number) => number;
};
export type Column = NumberColumn | TextColumn;

/** The inputs of a batch by column. A cell is `undefined` where its row does not have that input. */
export type ColumnTable = {
  readonly size: number;
  readonly columns: ReadonlyMap<string, Column>;
  /** Columns that are members of the envelope, with one value for all rows. */
  readonly fromEnvelope: ReadonlySet<string>;
  /** Whether the model of a row is that of a preset or of the settings. Absent if no row has such a model. */
  readonly isModelFilled?: (index: number) => boolean;
};
export type ColumnRequest = {
  readonly table: ColumnTable;
  readonly outputs: readonly OutputName[];
  readonly strictUnits: boolean;
  readonly units: UnitSystem;
  /** The name of a preset of the user, not validated. */
  readonly preset?: unknown;
  /** The ids of the rows, which the answer repeats. */
  readonly ids: Column | undefined;
};

export type ColumnFailure = {
  readonly index: number;
  readonly code: string;
  /** The column that is wrong, if it is one. */
  readonly field?: string;
  readonly detail: string;
};
/** Suspicious values of one column: their number, and the first of them. */
export type ColumnWarning = {
  readonly field: string;
  readonly code: string;
  readonly rows: number;
  readonly index: number;
  readonly detail: string;
};
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
  readonly warnings: readonly ColumnWarning[];
  /** The models of rows that name none, other than the default model: chosen ones, those of a preset or of the settings. */
  readonly chosenModels: readonly ModelName[];
  readonly units: UnitSystem;
  readonly ids: Column | undefined;
  readonly computationTimeMs: number;
};

/** Members of the envelope that apply to all rows of a batch of JSON columns. They may be columns instead. */
export const envelopeTexts: readonly string[] = ['model', 'exercise_style'];
export const textColumns: readonly string[] = [
  ...envelopeTexts,
  'option_type',
  'precision',
  'barrier_type',
  'symbol',
  ...conventionNames,
];
/** Columns that are members of a nested object in a row, by the name of that object. */
export const nestedColumns: Readonly<Record<string, readonly string[]>> = {
  heston: hestonParameters.map(({ name }) => name),
};
const nested = new Set(Object.values(nestedColumns).flat());
export const numberColumns: readonly string[] = [
  ...new Set([...pricingModels.flatMap(({ numbers }) => numbers.map(({ name }) => name)), ...nested, optionPrice.name]),
];

/** Columns with a list of objects in each row. */
export const listColumns: readonly string[] = ['dividends'];

export type ColumnKind = 'number' | 'text' | 'id' | 'list';
/** `id` is a column of texts or of numbers. */
export const columnKind = (name: string): ColumnKind | undefined => {
  if (name === idMember) return 'id';
  if (listColumns.includes(name)) return 'list';
  if (textColumns.includes(name)) return 'text';
  return numberColumns.includes(name) ? 'number' : undefined;
};

export const unknownColumn = (name: string): FieldError =>
  columnError(
    name,
    'unknown_member',
    unknownColumnText(name, [idMember, ...textColumns, ...numberColumns, ...listColumns]),
  );

export const unknownEnvelopeText = (member: string, form: 'options' | 'columns', known: readonly string[]): string => {
  if (columnKind(member) !== undefined && member !== idMember) {
    return `with ${form}, ${member} belongs inside ${form === 'options' ? 'each option' : 'columns'}: move it there`;
  }
  const near = nearestName(member, known);
  const text = `${quoted(member)} is not a member of a batch`;
  return near === undefined ? `${text}, which takes ${listed(known, 'and')}` : `${text}; did you mean ${near}?`;
};

export const columnError = (name: string, code: string, detail: string): FieldError => ({
  pointer: name === '' ? '/columns' : memberPointer('/columns', name),
  code,
  detail,
});

/** @throws AppError `validation_failed` unless there are 1 to `maxBatchRows` rows */
export const checkSize = (size: number): void => {
  if (size >= 1 && size <= maxBatchRows) return;
  throw invalidRequest([columnError('', 'invalid_length', `columns must have 1 to ${maxBatchRows} rows, not ${size}`)]);
};

/** The number of dividends of a row; undefined if it has none. */
export const dividendCountAt = (columns: ColumnTable['columns'], index: number): number | undefined => {
  const column = columns.get('dividends');
  return column?.numbers === undefined ? column?.countAt?.(index) : undefined;
};

/** The sum of the dividends of a row. */
export const dividendSumAt = (columns: ColumnTable['columns'], index: number): number => {
  const column = columns.get('dividends');
  return column?.numbers === undefined ? (column?.sumAt?.(index) ?? 0) : 0;
};
