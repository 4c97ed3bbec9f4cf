import { dayMs, utcDay } from '#src/kernel/calendar.ts';

/** The time from one bar of a series to the next. */
export const intervals = ['1day', '1week', '1month'] as const;
export type Interval = (typeof intervals)[number];

/** The Monday of the week of `date`. */
const mondayOf = (date: string): string => {
  const day = new Date(`${date}T00:00:00Z`);
  return utcDay(new Date(day.getTime() - ((day.getUTCDay() + 6) % 7) * dayMs));
};

/** The period that a bar of `date` belongs to. A series has at most one bar for each period. */
export const periodOf = (date: string, interval: Interval): string => {
  if (interval === '1month') return date.slice(0, 7);
  return interval === '1week' ? mondayOf(date) : date;
};

/** The first day of the period of `date`, as `YYYY-MM-DD`. */
export const firstDayOfPeriod = (date: string, interval: Interval): string =>
  interval === '1month' ? `${date.slice(0, 7)}-01` : periodOf(date, interval);

/** The last day of the period of `date`, as `YYYY-MM-DD`. */
export const lastDayOfPeriod = (date: string, interval: Interval): string => {
  if (interval === '1day') return date;
  if (interval === '1week') return utcDay(new Date(Date.parse(`${mondayOf(date)}T00:00:00Z`) + 6 * dayMs));
  const [year = 0, month = 0] = date.split('-').map(Number);
  return utcDay(new Date(Date.UTC(year, month, 0)));
};
