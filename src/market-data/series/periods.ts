import { dayMs, utcDay } from '#src/kernel/calendar.ts';

/** The time from one bar of a series to the next. */
export const intervals = ['1day', '1week', '1month'] as const;
export type Interval = (typeof intervals)[number];

/*
 * All dates here are UTC days as `YYYY-MM-DD`. The functions do not check them: the caller must pass an existing day
 * (`isCalendarDate`). For another text the result has no meaning, or the function throws a RangeError.
 */

/** Returns the Monday of the week of `date`, as `YYYY-MM-DD`. A week begins on Monday. */
const mondayOf = (date: string): string => {
  const day = new Date(`${date}T00:00:00Z`);
  return utcDay(new Date(day.getTime() - ((day.getUTCDay() + 6) % 7) * dayMs));
};

/**
 * Returns the period that a bar of `date` belongs to: `YYYY-MM` for a month, the Monday as `YYYY-MM-DD` for a week, `date` itself
 * for a day. A series has at most one bar for each period.
 */
export const periodOf = (date: string, interval: Interval): string => {
  if (interval === '1month') return date.slice(0, 7);
  return interval === '1week' ? mondayOf(date) : date;
};

/** Returns the first day of the period of `date`, as `YYYY-MM-DD`. */
export const firstDayOfPeriod = (date: string, interval: Interval): string =>
  interval === '1month' ? `${date.slice(0, 7)}-01` : periodOf(date, interval);

/** Returns the last day of the period of `date`, as `YYYY-MM-DD`. */
export const lastDayOfPeriod = (date: string, interval: Interval): string => {
  if (interval === '1day') return date;
  if (interval === '1week') return utcDay(new Date(Date.parse(`${mondayOf(date)}T00:00:00Z`) + 6 * dayMs));
  // `Date.UTC` takes a year below 100 for one of the 20th century, so the date is parsed.
  const end = new Date(`${date.slice(0, 7)}-01T00:00:00Z`);
  // Day 0 is the last day of the month before.
  end.setUTCMonth(end.getUTCMonth() + 1, 0);
  return utcDay(end);
};
