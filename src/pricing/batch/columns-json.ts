import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import {
  checkSize,
  columnError,
  columnKind,
  envelopeTexts,
  type Column,
  type ColumnRequest,
  type ColumnResult,
} from './columns.ts';
import { invalidRequest } from '../request/failures.ts';
import { outputNames } from '../models/outputs.ts';
import { isRow, readOutputs, type Row } from '../request/read-option.ts';
import { createTextChunks } from './text-chunks.ts';

const envelopeMembers = new Set(['columns', 'outputs', ...envelopeTexts]);

/** Result of `typeof` for one value of a column of each kind. */
const typeOf = { number: 'number', text: 'string' } as const;

const numberColumn = (values: readonly unknown[]): Column => {
  const numbers = new Float64Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    numbers[index] = typeof value === 'number' ? value : Number.NaN;
  }
  return { numbers, at: (index) => values[index] };
};

const broadcast = (value: unknown, kind: 'number' | 'text', size: number): Column =>
  kind === 'text' || typeof value !== 'number'
    ? { at: () => value, only: value }
    : { numbers: new Float64Array(size).fill(value), at: () => value };

/** The number of rows: the length of the columns, or 1 if all values are scalars. */
const sizeOf = (columns: Row, errors: FieldError[]): number => {
  let size: number | undefined;
  for (const [name, value] of Object.entries(columns)) {
    if (!Array.isArray(value)) continue;
    size ??= value.length;
    if (value.length !== size) {
      errors.push(columnError(name, 'invalid_length', 'All columns must have the same number of rows'));
    }
  }
  return size ?? 1;
};

/**
 * The columns of `{ columns, model?, exercise_style?, outputs? }`. A scalar applies to every row.
 * @throws AppError `validation_failed`
 */
export const readColumnsJson = (body: Row): ColumnRequest => {
  const { columns: given } = body;
  const errors: FieldError[] = [];
  for (const member of Object.keys(body)) {
    if (envelopeMembers.has(member)) continue;
    errors.push({ pointer: memberPointer('', member), code: 'unknown_member', detail: 'Unknown member' });
  }
  const asked = readOutputs(body['outputs'], outputNames, ['price']);
  if (Array.isArray(asked)) errors.push(...asked);
  if (!isRow(given)) {
    errors.push(columnError('', 'invalid_type', 'columns must be an object'));
    throw invalidRequest(errors);
  }
  const size = sizeOf(given, errors);
  for (const [name, value] of Object.entries(given)) {
    const kind = envelopeTexts.includes(name) ? undefined : columnKind(name);
    if (kind === undefined) errors.push(columnError(name, 'unknown_member', 'No such input'));
    else if (!Array.isArray(value) && typeof value !== typeOf[kind]) {
      errors.push(columnError(name, 'invalid_type', `${name} must be a column or a ${typeOf[kind]}`));
    }
  }
  for (const name of envelopeTexts) {
    if (body[name] === undefined || typeof body[name] === 'string') continue;
    errors.push({ pointer: `/${name}`, code: 'invalid_type', detail: `${name} must be a string` });
  }
  if (errors.length > 0 || Array.isArray(asked)) throw invalidRequest(errors);
  // This check must come before the first allocation with one element per row.
  checkSize(size);
  const columns = new Map<string, Column>();
  for (const [name, value] of Object.entries(given)) {
    const kind = columnKind(name)!;
    if (!Array.isArray(value)) columns.set(name, broadcast(value, kind, size));
    else if (kind === 'number') columns.set(name, numberColumn(value));
    else columns.set(name, { at: (index) => value[index] as unknown });
  }
  for (const name of envelopeTexts) {
    if (body[name] !== undefined) columns.set(name, broadcast(body[name], 'text', size));
  }
  return { table: { size, columns }, outputs: asked.outputs };
};

export const writeColumnsJson = ({ size, values, failed, failures, computationTimeMs }: ColumnResult): Uint8Array[] => {
  const text = createTextChunks();
  let separator = '{"columns":{';
  for (const [name, column] of values) {
    text.add(`${separator}"${name}":[`);
    separator = '],';
    let cells = '';
    for (let index = 0; index < size; index++) {
      const cell = failed[index] === 0 ? column[index]! : 'null';
      cells += index === 0 ? cell : `,${cell}`;
      if (cells.length > 4096) {
        text.add(cells);
        cells = '';
      }
    }
    text.add(cells);
  }
  text.add(']},"errors":[');
  failures.forEach((failure, index) => text.add((index === 0 ? '' : ',') + JSON.stringify(failure)));
  const counts = `"total_count":${size},"succeeded":${size - failures.length},"failed":${failures.length}`;
  text.add(`],${counts},"computation_time_ms":${computationTimeMs}}`);
  return text.bytes();
};
