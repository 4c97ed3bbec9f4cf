import { isCalendarDate } from '#src/kernel/calendar.ts';
import { maxNumber, minNumber } from '../series/number-range.ts';

/** Larger than each known split. Prices before a split are divided by its factor. */
export const maxSplitFactor = 100_000;
const maxNumberCharacters = 40;
const plainNumber = /^\+?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** Whether a number must be in the range of stored numbers, can be 0 too, or means "none" if it is 0. A split is 0 for none, or a factor in its range. */
export type NumberRule = 'positive' | 'from_zero' | 'zero_is_none' | 'split';

/** Whether a text is a number and nothing else, without blanks. It has ASCII characters only. */
export const isPlainNumber = (text: string): boolean => text.length <= maxNumberCharacters && plainNumber.test(text);

/** The number that a text is written as. Spaces around it are ignored. */
const parseNumber = (text: string): number | null | 'invalid_number' | 'out_of_range' => {
  if (isPlainNumber(text)) return Number(text);
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (trimmed !== text && isPlainNumber(trimmed)) return Number(trimmed);
  return /^-\d/.test(trimmed) ? 'out_of_range' : 'invalid_number';
};

/** A number from a cell; null for an empty cell; a code if it is refused. */
export const numberOf = (
  cell: string | number | null,
  rule: NumberRule,
): number | null | 'invalid_number' | 'out_of_range' => {
  const value = typeof cell === 'string' ? parseNumber(cell) : cell;
  if (typeof value !== 'number') return value;
  const [min, max] = rule === 'split' ? [1 / maxSplitFactor, maxSplitFactor] : [minNumber, maxNumber];
  if (value >= min && value <= max) return value;
  if (value === 0 && rule !== 'positive') return rule === 'from_zero' ? 0 : null;
  return Number.isNaN(value) ? 'invalid_number' : 'out_of_range';
};

/** `2024-01-31`, `2024/01/31`, `20240131`; a time of midnight after it, as pandas writes it, is ignored. */
const knownDate = /^(\d{4})([-/]?)(\d{2})\2(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const maxDateCharacters = 40;

const parseDate = (text: string): string | undefined => {
  if (text.length > maxDateCharacters) return undefined;
  const [, year = '', , month = '', day = ''] = knownDate.exec(text.trim()) ?? [];
  const date = `${year}-${month}-${day}`;
  return year !== '' && year !== '0000' && isCalendarDate(date) ? date : undefined;
};

/** A century of days. */
const maxKnown = 40_000;

/** A copy of a text. V8 keeps the whole text that a part of 13 or more characters was cut from, here up to 64 KB of the file. */
const copyOf = (text: string): string => Buffer.from(text).toString();

/** Parses dates and remembers them, because the dates of a file repeat for each symbol. */
export const createDates = (): ((text: string) => string | undefined) => {
  const known = new Map<string, string | undefined>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const date = parseDate(text);
    if (date !== undefined && known.size < maxKnown) known.set(copyOf(text), date);
    return date;
  };
};
