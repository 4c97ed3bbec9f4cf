/** A point in time. A date is its beginning in UTC. */
export type Moment = {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly isDate: boolean;
};

export const MS_PER_DAY = 86_400_000;

const INSTANT =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;

/** The beginning of a day in UTC; undefined if the calendar has no such day. */
export const msOfDay = (year: number, month: number, day: number): number | undefined => {
  // Each month has these days. Date.UTC adds 1900 to years below 100.
  if (year >= 100 && month >= 1 && month <= 12 && day >= 1 && day <= 28) return Date.UTC(year, month - 1, day);
  const ms = Date.UTC(year, month - 1, day);
  // Date.UTC turns February 30 into March 2.
  const date = new Date(ms);
  const isSame = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isSame ? ms : undefined;
};

const DIGIT_0 = 0x30;
const HYPHEN = 0x2d;
/** The number of the decimal digits from `start` to before `end`; NaN if there is another character. */
const digitsOf = (text: string, start: number, end: number): number => {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    number = number * 10 + digit;
  }
  return number;
};

/** A regular expression would take several times as long, and one option can have 1,000 dates. */
const readDay = (text: string): number | undefined =>
  text.length === 10 && text.charCodeAt(4) === HYPHEN && text.charCodeAt(7) === HYPHEN
    ? msOfDay(digitsOf(text, 0, 4), digitsOf(text, 5, 7), digitsOf(text, 8, 10))
    : undefined;

/** A date `YYYY-MM-DD` or an instant with its offset (RFC 3339); undefined for any other value. */
export const readMoment = (value: unknown): Moment | undefined => {
  if (typeof value !== 'string') return undefined;
  if (value.length === 10) {
    const ms = readDay(value);
    return ms === undefined ? undefined : { ms, isDate: true };
  }
  const parts = INSTANT.exec(value);
  if (parts === null || readDay(parts[1]!) === undefined) return undefined;
  return { ms: Date.parse(value), isDate: false };
};
