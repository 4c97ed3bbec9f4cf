import type { NumberInput } from '../../models/inputs.ts';
import { unitWarning } from '../../request/unit-warnings.ts';
import type { ColumnWarning } from '../columns/columns.ts';

export type ColumnWarnings = {
  readonly add: (index: number, input: NumberInput, value: number) => void;
  readonly all: () => readonly ColumnWarning[];
};

/** Counts suspicious values by column, because 100,000 rows may have the same one. */
export const createColumnWarnings = (): ColumnWarnings => {
  const byName = new Map<string, ColumnWarning & { rows: number }>();
  return {
    add: (index, input, value) => {
      const known = byName.get(input.name);
      if (known !== undefined) known.rows += 1;
      else {
        const { code, detail } = unitWarning(input, value, '');
        byName.set(input.name, { field: input.name, code, rows: 1, index, detail });
      }
    },
    all: () => [...byName.values()],
  };
};
