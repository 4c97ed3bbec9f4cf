/** A point in time. A date is its beginning in UTC. */
export type Moment = {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly isDate: boolean;
};

export const MS_PER_DAY = 86_400_000;

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;

/** The beginning of a day in UTC; undefined if the calendar has no such day. */
export const msOfDay = (year: number, month: number, day: number): number | undefined => {
  const ms = Date.UTC(year, month - 1, day);
  // Date.UTC turns February 30 into March 2, and adds 1900 to years below 100.
  const date = new Date(ms);
  const isSame = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isSame ? ms : undefined;
};

const readDay = (text: string): number | undefined => {
  const parts = DATE.exec(text);
  return parts === null ? undefined : msOfDay(Number(parts[1]), Number(parts[2]), Number(parts[3]));
};

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
