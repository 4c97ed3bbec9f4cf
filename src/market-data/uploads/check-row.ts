import { addDays, utcDay } from '#src/kernel/calendar.ts';
import type { PriceBar } from '../providers/provider.ts';
import { numberRange } from '../series/number-range.ts';
import type { UploadColumn } from './columns.ts';
import type { Cell } from './formats/rows.ts';
import type { RowError } from './row-error.ts';
import { maxSplitFactor, numberOf, type NumberRule } from './values.ts';

/** A row with its values parsed. `asset` is the position of the symbol in the universe. */
export type UploadRow = PriceBar & {
  readonly asset: number;
  readonly splitFactor: number | null;
  readonly dividend: number | null;
  readonly shares: number | null;
};

type Refusal = Omit<RowError, 'line'>;

const rules: Readonly<Record<Exclude<UploadColumn, 'symbol' | 'date'>, NumberRule>> = {
  close: 'positive',
  // Some tools write 0 for a price that they do not have.
  open: 'zero_is_none',
  high: 'zero_is_none',
  low: 'zero_is_none',
  volume: 'from_zero',
  dividend: 'zero_is_none',
  split_factor: 'split',
  shares: 'zero_is_none',
};

const rangeOf = (column: UploadColumn): string => {
  if (column === 'split_factor') return `from 1/${maxSplitFactor} to ${maxSplitFactor}`;
  return `${column === 'volume' ? '0 or ' : ''}${numberRange}`;
};

const numberFault = (column: UploadColumn, code: 'invalid_number' | 'out_of_range'): Refusal => ({
  code,
  column,
  detail:
    code === 'invalid_number'
      ? `${column} must be a plain number such as 1234.5`
      : `${column} must be ${rangeOf(column)}`,
});

/** The bar of a month can have its last day as its date. A later date is no price yet: it is a mistake of the file. */
export const maxFutureDays = 31;

/** The last day that a row may have. */
export const lastDateAt = (now: Date): string => addDays(utcDay(now), maxFutureDays);

export type RowCheck = {
  /** Positions of the symbols of the universe. */
  readonly assets: ReadonlyMap<string, number>;
  readonly lastDate: string;
  readonly dateOf: (text: string) => string | undefined;
};

/** Parses the cells of a row. @returns the row, or why it is refused */
export const checkRow = (
  columns: readonly UploadColumn[],
  cells: readonly Cell[],
  { assets, dateOf, lastDate }: RowCheck,
): UploadRow | Refusal => {
  const row = {
    asset: -1,
    date: '',
    open: null as number | null,
    high: null as number | null,
    low: null as number | null,
    close: 0,
    volume: null as number | null,
    dividend: null as number | null,
    splitFactor: null as number | null,
    shares: null as number | null,
  };
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index]!;
    const cell = cells[index]!;
    if (column === 'symbol' || column === 'date') {
      const text = typeof cell === 'string' ? cell : '';
      if (text === '') return { code: 'missing_value', column, detail: `${column} must not be empty` };
      if (column === 'symbol') {
        const asset = assets.get(text) ?? assets.get(text.trim());
        if (asset === undefined) {
          return {
            code: 'unknown_symbol',
            column,
            detail: 'The universe has no such symbol; upper and lower case differ',
          };
        }
        row.asset = asset;
      } else {
        const date = dateOf(text);
        if (date === undefined) {
          return { code: 'invalid_date', column, detail: 'The date must exist and be written as YYYY-MM-DD' };
        }
        if (date > lastDate) {
          return { code: 'out_of_range', column, detail: `date must be at most ${maxFutureDays} days in the future` };
        }
        row.date = date;
      }
      continue;
    }
    const value = numberOf(cell, rules[column]);
    if (typeof value === 'string') return numberFault(column, value);
    // A split of one for one changes nothing.
    if (column === 'split_factor') row.splitFactor = value === 1 ? null : value;
    else if (column !== 'close') row[column] = value;
    else if (value === null) return { code: 'missing_value', column, detail: 'close must not be empty' };
    else row.close = value;
  }
  return row;
};

export const isRefusal = (row: UploadRow | Refusal): row is Refusal => 'code' in row;
