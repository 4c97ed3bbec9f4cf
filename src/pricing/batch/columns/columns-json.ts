import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import {
  checkSize,
  columnError,
  columnKind,
  type ColumnKind,
  unknownColumn,
  unknownEnvelopeText,
  envelopeTexts,
  type Column,
  type ColumnRequest,
  type ColumnResult,
} from './columns.ts';
import { invalidRequest } from '../../request/failures.ts';
import { sumOfAmounts } from '../../models/cost-inputs.ts';
import { outputNames } from '../../models/outputs.ts';
import { isRow, readOutputs, type Row } from '../../request/read-option.ts';
import { dividendExample, dividendShape } from '../../request/read-extras.ts';
import { presetMember } from '../../request/defaults.ts';
import { kindOf, memberError } from '../../request/messages.ts';
import { readUnits, unitsMember } from '../../request/market-units.ts';
import { readStrictUnits, strictUnitsMember } from '../../request/strict-units.ts';
import { idError, idMember, isId } from '../row-id.ts';
import type { AnswerSteps } from '../prepared-batch.ts';
import { createTextChunks } from '../text-chunks.ts';

const envelopeMembers = ['columns', 'outputs', unitsMember, strictUnitsMember, presetMember, ...envelopeTexts];

/** Result of `typeof` for one value of a column of each kind. */
const typeOf = { number: 'number', text: 'string', list: undefined } as const;
const shapeOf = {
  number: 'an array of values, or a number for all rows',
  text: 'an array of strings, or a string for all rows',
  list: `a list of objects with ${dividendShape}, such as [${dividendExample}], for all rows, or an array with such a list for each row`,
} as const;

/** Whether an array of a column of lists is the list of all rows. Then its items are objects and no lists. */
const isForAllRows = (kind: ColumnKind | undefined, value: readonly unknown[]): boolean =>
  kind === 'list' && (value.length === 0 || (value.some(isRow) && !value.some(Array.isArray)));

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

const countOf = (value: unknown): number | undefined => {
  if (value === null || value === undefined) return undefined;
  return Array.isArray(value) ? value.length : 0;
};
const listColumn = (value: readonly unknown[]): Column => {
  const at = isForAllRows('list', value) ? () => value : (index: number) => value[index];
  return { at, countAt: (index) => countOf(at(index)), sumAt: (index) => sumOfAmounts(at(index)) };
};

const idErrors = (value: unknown): FieldError[] => {
  if (!Array.isArray(value))
    return [columnError(idMember, 'invalid_type', 'id must be an array with an id for each row')];
  return value.every((id: unknown) => id === null || isId(id)) ? [] : [idError('/columns')];
};

/** The number of rows: the length of the columns, or 1 if all values are scalars. */
const sizeOf = (columns: Row, errors: FieldError[]): number => {
  let first: { readonly name: string; readonly size: number } | undefined;
  for (const [name, value] of Object.entries(columns)) {
    if (!Array.isArray(value) || isForAllRows(columnKind(name), value)) continue;
    first ??= { name, size: value.length };
    if (value.length !== first.size) {
      errors.push(
        columnError(
          name,
          'invalid_length',
          `${name} has ${value.length} rows and ${first.name} has ${first.size}: all columns with an array must have the same number of rows`,
        ),
      );
    }
  }
  return first?.size ?? 1;
};

const columnErrors = (given: Row): FieldError[] =>
  Object.entries(given).flatMap(([name, value]) => {
    const kind = columnKind(name);
    if (kind === undefined) return [unknownColumn(name)];
    if (kind === 'id') return idErrors(value);
    if (Array.isArray(value) || typeof value === typeOf[kind]) return [];
    return [columnError(name, 'invalid_type', `${name} must be ${shapeOf[kind]}, not ${kindOf(value)}`)];
  });

const envelopeErrors = (body: Row, given: Row): FieldError[] =>
  envelopeTexts.flatMap((name): FieldError[] => {
    if (body[name] === undefined) return [];
    if (Object.hasOwn(given, name)) {
      return [{ pointer: `/${name}`, code: 'conflict', detail: `${name} is a column too: remove one of them` }];
    }
    if (typeof body[name] === 'string') return [];
    return [
      { pointer: `/${name}`, code: 'invalid_type', detail: `${name} must be a string, not ${kindOf(body[name])}` },
    ];
  });

/** @param given columns without errors */
const tableOf = (body: Row, given: Row, size: number): ColumnRequest['table'] => {
  const columns = new Map<string, Column>();
  for (const [name, value] of Object.entries(given)) {
    const kind = columnKind(name)!;
    if (kind === 'id') continue;
    if (kind === 'list') columns.set(name, listColumn(value as readonly unknown[]));
    else if (!Array.isArray(value)) columns.set(name, broadcast(value, kind, size));
    else if (kind === 'number') columns.set(name, numberColumn(value));
    else columns.set(name, { at: (index) => value[index] as unknown });
  }
  const fromEnvelope = new Set<string>();
  for (const name of envelopeTexts) {
    if (Object.hasOwn(given, name)) continue;
    fromEnvelope.add(name);
    if (body[name] !== undefined) columns.set(name, broadcast(body[name], 'text', size));
  }
  return { size, columns, fromEnvelope };
};

/**
 * The columns of `{ columns, model?, exercise_style?, outputs? }`. A scalar applies to every row.
 * @throws AppError `validation_failed`
 */
export const readColumnsJson = (body: Row): ColumnRequest => {
  const { columns: given } = body;
  const errors: FieldError[] = [];
  for (const member of Object.keys(body)) {
    if (envelopeMembers.includes(member)) continue;
    errors.push(memberError('', member, 'unknown_member', unknownEnvelopeText(member, 'columns', envelopeMembers)));
  }
  const asked = readOutputs(body['outputs'], outputNames, ['price']);
  if (Array.isArray(asked)) errors.push(...asked);
  if (!isRow(given)) {
    errors.push(
      columnError(
        '',
        'invalid_type',
        `columns must be an object of arrays such as {"spot": [100, 101]}, not ${kindOf(given)}`,
      ),
    );
    throw invalidRequest(errors);
  }
  const size = sizeOf(given, errors);
  for (const error of [...columnErrors(given), ...envelopeErrors(body, given)]) errors.push(error);
  const strict = readStrictUnits(body);
  if (Array.isArray(strict)) errors.push(...strict);
  const units = readUnits(body);
  if (Array.isArray(units)) errors.push(...units);
  if (Array.isArray(units) || Array.isArray(asked) || Array.isArray(strict)) throw invalidRequest(errors);
  if (errors.length > 0) throw invalidRequest(errors);
  // This check must come before the first allocation with one element per row.
  checkSize(size);
  const ids = given[idMember] as readonly unknown[] | undefined;
  return {
    table: tableOf(body, given, size),
    outputs: asked.outputs,
    strictUnits: strict,
    units,
    preset: body[presetMember],
    ids: ids && { at: (index) => ids[index] ?? undefined },
  };
};

const cellsAtOnce = 1_000;
const failuresAtOnce = 500;

export const writeColumnsJson = function* (result: ColumnResult): AnswerSteps {
  const { size, values, failed, failures, warnings, chosenModels, ids, computationTimeMs } = result;
  const text = createTextChunks();
  let separator = '{"columns":{';
  if (ids !== undefined) {
    text.add(`${separator}"${idMember}":[`);
    separator = '],';
    for (let from = 0; from < size; from += cellsAtOnce) {
      const length = Math.min(cellsAtOnce, size - from);
      const cells = Array.from({ length }, (_, index) => ids.at(from + index) ?? null);
      text.add((from === 0 ? '' : ',') + JSON.stringify(cells).slice(1, -1));
      yield;
    }
  }
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
        yield;
      }
    }
    text.add(cells);
  }
  text.add(']},"errors":[');
  for (let from = 0; from < failures.length; from += failuresAtOnce) {
    const some = failures.slice(from, from + failuresAtOnce);
    text.add((from === 0 ? '' : ',') + JSON.stringify(some).slice(1, -1));
    yield;
  }
  const counts = `"total_count":${size},"succeeded":${size - failures.length},"failed":${failures.length}`;
  const warned = warnings.length === 0 ? '' : `"warnings":${JSON.stringify(warnings)},`;
  const chosen = chosenModels.length === 0 ? '' : `"chosen_models":${JSON.stringify(chosenModels)},`;
  const system = result.units === 'market' ? '"units":"market",' : '';
  text.add(`],${warned}${chosen}${system}${counts},"computation_time_ms":${computationTimeMs}}`);
  return text.bytes();
};
