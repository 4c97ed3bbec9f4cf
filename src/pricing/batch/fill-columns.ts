import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import { hasEffect, valueFor } from '../request/defaults.ts';
import type { Column, ColumnTable } from './columns.ts';

/** A text column with `value` where the row has none. */
const filledModel = (given: Column | undefined, value: string): Column => {
  if (given === undefined) return { at: () => value, only: value };
  if (given.numbers === undefined && given.only !== undefined) return given;
  return { at: (index) => given.at(index) ?? value };
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
  if (values.model !== undefined) columns.set('model', filledModel(columns.get('model'), values.model));
  const models = columns.get('model');
  for (const name of ['precision', 'steps'] as const) {
    if (values[name] === undefined) continue;
    const column = filled(name, values, { given: columns.get(name), models, size });
    const hasValue =
      columns.has(name) ||
      Array.from({ length: size }, (_, index) => index).some((index) => column.at(index) !== undefined);
    if (hasValue) columns.set(name, column);
  }
  return { ...table, columns };
};
