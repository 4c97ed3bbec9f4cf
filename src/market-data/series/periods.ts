/** The time from one bar of a series to the next. */
export type Interval = '1month' | '1day';

/** The period that a bar of `date` belongs to. A series has at most one bar for each period. */
export const periodOf = (date: string, interval: Interval): string => (interval === '1month' ? date.slice(0, 7) : date);

/** The first day of the period of `date`, as `YYYY-MM-DD`. */
export const firstDayOfPeriod = (date: string, interval: Interval): string =>
  interval === '1month' ? `${date.slice(0, 7)}-01` : date;
