import { conventionNames } from '../request/conventions/convention-members.ts';
import { chosenModel } from '../request/conventions/model-of-row.ts';
import { resolveRow } from '../request/conventions/resolve-row.ts';
import type { Column, ColumnTable } from './columns.ts';

/** The columns that are read to resolve dates and contracts. There is no column of dividends. */
const readNames: readonly string[] = [...conventionNames, 'time_to_expiry', 'strike', 'option_type'];
const numberNames = ['time_to_expiry', 'strike'] as const;

type Columns = ColumnTable['columns'];

export const hasConventions = (columns: Columns): boolean => conventionNames.some((name) => columns.has(name));

/**
 * Whether a null cell of the column means that its row has no such input, because rows of one batch may have contracts,
 * expiries or times.
 */
export const isNullAbsent = (name: string): boolean => readNames.includes(name);

/**
 * The columns with the inputs of the models in place of contracts and dates. A row with a mistake has NaN, so that it is
 * read again by itself, with the message of its error.
 */
export const resolveColumns = ({ size, columns }: ColumnTable): Columns => {
  if (!hasConventions(columns)) return columns;
  const read = readNames.flatMap((name) => {
    const column = columns.get(name);
    return column === undefined ? [] : [{ name, column }];
  });
  const numbers = { time_to_expiry: new Float64Array(size), strike: new Float64Array(size) };
  const types: unknown[] = Array.from({ length: size });
  for (let index = 0; index < size; index++) {
    const given: Record<string, unknown> = {};
    for (const { name, column } of read) {
      const value = column.at(index);
      if (value !== undefined && value !== null) given[name] = value;
    }
    const resolved = resolveRow(given, '');
    const row = Array.isArray(resolved) ? {} : resolved.row;
    for (const name of numberNames) numbers[name][index] = typeof row[name] === 'number' ? row[name] : Number.NaN;
    types[index] = row['option_type'];
  }
  const rest = [...columns].filter(([name]) => !readNames.includes(name));
  const numberColumns = numberNames.map((name): [string, Column] => {
    const cells = numbers[name];
    return [name, { numbers: cells, at: (index) => cells[index] }];
  });
  return new Map<string, Column>([...rest, ...numberColumns, ['option_type', { at: (index) => types[index] }]]);
};

const valueOf = (column: Column | undefined, index: number): unknown => column?.at(index) ?? undefined;

/** The model that is chosen for a row without one. */
export const chosenModelAt = (columns: Columns, index: number) =>
  chosenModel({
    exercise_style: valueOf(columns.get('exercise_style'), index),
    steps: valueOf(columns.get('steps'), index),
  });
