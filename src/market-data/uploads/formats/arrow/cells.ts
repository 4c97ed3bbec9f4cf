import { dayMs, lastDay, utcDay } from '#src/kernel/calendar.ts';
import { createIntegerMap } from '#src/kernel/lists/integer-map.ts';
import { decimalsOf } from '#src/kernel/arrow/decimals.ts';
import type { Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { isValid, textAt, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import type { ReadableType } from '#src/kernel/arrow/read-type.ts';
import type { Cell } from '../rows.ts';

/** The cell of a row of one batch. */
export type CellsOf = (row: number) => Cell;

const maxDay = Date.parse(lastDay) / dayMs;
/** A century of days. */
const maxKnownDays = 40_000;
/** A text that no rule for dates accepts. */
const noDate = '-';

export type DayTexts = (day: number) => string;

/** Makes the texts of days, and remembers them, because the dates of a file repeat for each symbol. */
export const createDayTexts = (): DayTexts => {
  const known = createIntegerMap<string>();
  return (day) => {
    if (!Number.isInteger(day) || Math.abs(day) > maxDay) return noDate;
    const found = known.get(day);
    if (found !== undefined) return found;
    const text = utcDay(new Date(day * dayMs));
    if (known.size() < maxKnownDays) known.set(day, text);
    return text;
  };
};

/** Numbers are 0 for null rows in many writers, so the bitmap decides. */
const present =
  (chunk: ColumnChunk, read: CellsOf): CellsOf =>
  (row) =>
    isValid(chunk, row) ? read(row) : null;

/** The values of a column of a batch. They are decoded one by one, when their row is read. */
export const cellsOf = (
  type: ReadableType,
  chunk: ColumnChunk,
  dictionary: Dictionary | undefined,
  dayText: DayTexts,
): CellsOf => {
  const { values, length } = chunk;
  switch (type.kind) {
    case 'number': {
      const numbers = valuesOf(values, type.layout, length);
      return present(chunk, (row) => numbers[row]!);
    }
    case 'integer64': {
      const numbers = valuesOf(values, type.layout, length);
      return present(chunk, (row) => Number(numbers[row]));
    }
    case 'decimal':
      return present(chunk, decimalsOf(values, type.bytes, type.scale));
    case 'moment': {
      const { perDay } = type;
      const units = valuesOf(values, type.layout, length);
      return present(chunk, (row) => dayText(Number(units[row]) / perDay));
    }
    case 'text':
      return (row) => textAt(chunk, row) ?? null;
    case 'dictionary': {
      const indices = valuesOf(values, type.layout, length);
      return present(chunk, (row) => dictionary!.text(Number(indices[row])) ?? null);
    }
    default:
      return () => null;
  }
};
