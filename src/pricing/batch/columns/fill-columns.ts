import type { ModelInputs } from '../../request/conventions/model-of-row.ts';
import { hasEffect, modelFor, valueFor, type Filling } from '../../request/defaults.ts';
import { dividendCountAt, type Column, type ColumnTable } from './columns.ts';

const onlyOf = (column: Column): unknown => (column.numbers === undefined ? column.only : undefined);
const isUniform = (column: Column | undefined): boolean => column === undefined || onlyOf(column) !== undefined;

type Columns = ReadonlyMap<string, Column>;

/** What decides about the model of a row. */
const modelInputsOf =
  (columns: Columns) =>
  (index: number): ModelInputs => ({
    model: columns.get('model')?.at(index),
    exercise_style: columns.get('exercise_style')?.at(index),
    steps: columns.get('steps')?.at(index),
    dividends: dividendCountAt(columns, index),
  });

/** Whether all rows get the same model. */
const haveOneModel = (columns: Columns): boolean =>
  isUniform(columns.get('model')) &&
  isUniform(columns.get('exercise_style')) &&
  !columns.has('steps') &&
  !columns.has('dividends');

/**
 * The column of models with that of the values where the row has none, and the model fits the row.
 * @returns undefined if no row gets a model
 */
const filledModels = (columns: Columns, values: Filling): Column | undefined => {
  const given = columns.get('model');
  if (given !== undefined && onlyOf(given) !== undefined) return given;
  const inputsOf = modelInputsOf(columns);
  const valueAt = (index: number) => modelFor(values, inputsOf(index));
  if (given !== undefined || !haveOneModel(columns)) return { at: (index) => given?.at(index) ?? valueAt(index) };
  const only = valueAt(0);
  return only === undefined ? undefined : { at: () => only, only };
};

const filled = (name: 'precision' | 'steps', values: Filling, columns: Columns, size: number): Column => {
  const given = columns.get(name);
  const inputsOf = modelInputsOf(columns);
  const at = (index: number): unknown => given?.at(index) ?? valueFor(values, name, inputsOf(index));
  if (name === 'precision') return given === undefined && haveOneModel(columns) ? { at, only: at(0) } : { at };
  const numbers = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    const value = at(index);
    numbers[index] = typeof value === 'number' ? value : Number.NaN;
  }
  return { numbers, at };
};

/** The table with the values that its rows lack. */
export const fillColumns = (table: ColumnTable, values: Filling): ColumnTable => {
  if (!hasEffect(values)) return table;
  const { size } = table;
  const columns = new Map(table.columns);
  const models = filledModels(table.columns, values);
  if (models !== undefined) columns.set('model', models);
  // Inputs are filled from these columns, not from each other.
  const withModels = new Map(columns);
  for (const name of ['precision', 'steps'] as const) {
    if (values[name] === undefined) continue;
    const column = filled(name, values, withModels, size);
    const hasValue =
      columns.has(name) ||
      Array.from({ length: size }, (_, index) => index).some((index) => column.at(index) !== undefined);
    if (hasValue) columns.set(name, column);
  }
  const given = table.columns.get('model');
  if (models === undefined || models === given) return { ...table, columns };
  return { ...table, columns, isModelFilled: (index) => (given?.at(index) ?? undefined) === undefined };
};
