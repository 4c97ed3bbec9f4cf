import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import { hasEffect, modelFor, valueFor } from '../../request/defaults.ts';
import type { Column, ColumnTable } from './columns.ts';

const onlyOf = (column: Column): unknown => (column.numbers === undefined ? column.only : undefined);

/**
 * The column of models with that of the values where the row has none, and the model prices its exercise style.
 * @returns undefined if no row gets a model
 */
const filledModels = (columns: ReadonlyMap<string, Column>, values: PresetValues): Column | undefined => {
  const given = columns.get('model');
  const styles = columns.get('exercise_style');
  if (given !== undefined && onlyOf(given) !== undefined) return given;
  const valueAt = (index: number) => modelFor(values, styles?.at(index));
  const isUniform = given === undefined && (styles === undefined || onlyOf(styles) !== undefined);
  if (!isUniform) return { at: (index) => given?.at(index) ?? valueAt(index) };
  const only = valueAt(0);
  return only === undefined ? undefined : { at: () => only, only };
};

const filled = (
  name: 'precision' | 'steps',
  values: PresetValues,
  {
    given,
    models,
    size,
  }: { readonly given: Column | undefined; readonly models: Column | undefined; readonly size: number },
): Column => {
  const at = (index: number): unknown => given?.at(index) ?? valueFor(values, name, models?.at(index));
  if (name === 'precision') {
    const isUniform =
      given === undefined && (models === undefined || (models.numbers === undefined && models.only !== undefined));
    return isUniform ? { at, only: at(0) } : { at };
  }
  const numbers = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    const value = at(index);
    numbers[index] = typeof value === 'number' ? value : Number.NaN;
  }
  return { numbers, at };
};

/** The table with the values that its rows lack. */
export const fillColumns = (table: ColumnTable, values: PresetValues): ColumnTable => {
  if (!hasEffect(values)) return table;
  const { size } = table;
  const columns = new Map(table.columns);
  const models = filledModels(columns, values);
  if (models !== undefined) columns.set('model', models);
  for (const name of ['precision', 'steps'] as const) {
    if (values[name] === undefined) continue;
    const column = filled(name, values, { given: columns.get(name), models, size });
    const hasValue =
      columns.has(name) ||
      Array.from({ length: size }, (_, index) => index).some((index) => column.at(index) !== undefined);
    if (hasValue) columns.set(name, column);
  }
  const given = table.columns.get('model');
  if (models === undefined || models === given) return { ...table, columns };
  return { ...table, columns, isModelFilled: (index) => (given?.at(index) ?? undefined) === undefined };
};
