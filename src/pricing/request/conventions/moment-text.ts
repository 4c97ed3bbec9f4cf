import { kindOf } from '../messages.ts';
import { readMoment } from './moment.ts';

const WITHOUT_OFFSET = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?$/;
/** `12/18/2026` and `18.12.2026`, where only one of the first two numbers can be a month. */
const PARTED = /^(\d{1,2})([/.])(\d{1,2})\2(\d{4})$/;
const COMPACT = /^(\d{4})(\d{2})(\d{2})$/;

const dateOf = (year: string, month: string, day: string): string =>
  `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;

/** The date that a text in another notation certainly means. */
const meantDate = (text: string): string | undefined => {
  const [, year, month, day] = COMPACT.exec(text) ?? [];
  if (year !== undefined) return dateOf(year, month!, day!);
  const [, one, , other, parted] = PARTED.exec(text) ?? [];
  if (parted === undefined) return undefined;
  if (Number(one) > 12) return dateOf(parted, other!, one!);
  return Number(other) > 12 ? dateOf(parted, one!, other!) : undefined;
};

/** A value as a text. An object is none, because a caller can choose what its `toString` is. */
export const givenText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : kindOf(value);

/** No notation of a moment has as many characters. A longer text can have megabytes, and would be read for each row of columns. */
const maxChars = 40;

/** The text for a value that is no date and no instant. */
export const momentText = (name: string, value: unknown): string => {
  const given = givenText(value);
  const text = given.length > maxChars ? '' : given;
  const instant = text.replace(' ', 'T');
  if (WITHOUT_OFFSET.test(text) && readMoment(`${instant}Z`) !== undefined) {
    return `${name} must have an offset from UTC after the time: send ${instant}Z for UTC, or for example ${instant}-05:00`;
  }
  const meant = meantDate(text);
  const remedy = meant === undefined || readMoment(meant) === undefined ? '' : `: send "${meant}"`;
  return (
    `${name} must be a date (YYYY-MM-DD) such as "2026-12-18", or an instant with its offset such as ` +
    `"2026-12-18T16:00:00-05:00", not ${kindOf(value)}${remedy}`
  );
};
