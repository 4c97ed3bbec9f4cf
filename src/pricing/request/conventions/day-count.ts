import { businessDaysBetween } from '#src/kernel/trading-days/business-days.ts';
import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';
import { defaultCalendar, type DayCount } from './convention-members.ts';
import { MS_PER_DAY } from './moment.ts';

/** `Date.UTC` adds 1900 to years below 100, and an offset can bring an instant of the year 100 there. */
const startOfYear = (year: number): number => new Date(0).setUTCFullYear(year, 0, 1);

/** The days in leap years count 1/366, the others 1/365 (ISDA 2006, 4.16 (b)). */
const actualActual = (from: number, to: number): number => {
  const first = new Date(from).getUTCFullYear();
  const last = new Date(to).getUTCFullYear();
  const msOfYear = (year: number): number => startOfYear(year + 1) - startOfYear(year);
  if (first === last) return (to - from) / msOfYear(first);
  const begun = (startOfYear(first + 1) - from) / msOfYear(first);
  return begun + (last - first - 1) + (to - startOfYear(last)) / msOfYear(last);
};

/** Months of 30 days, "bond basis" (ISDA 2006, 4.16 (f)). */
const thirty360 = (from: number, to: number): number => {
  const first = new Date(from);
  const last = new Date(to);
  const firstDay = Math.min(first.getUTCDate(), 30);
  const lastDay = last.getUTCDate() === 31 && firstDay === 30 ? 30 : last.getUTCDate();
  const months = (last.getUTCFullYear() - first.getUTCFullYear()) * 12 + last.getUTCMonth() - first.getUTCMonth();
  return (months * 30 + lastDay - firstDay) / 360;
};

/** Trading days from the first date on and before the second, in years of 252 days. */
const business252 = (from: number, to: number, calendar: Exchange): number =>
  businessDaysBetween(calendar, Math.floor(from / MS_PER_DAY), Math.floor(to / MS_PER_DAY)) / 252;

const years: Readonly<Record<DayCount, (from: number, to: number, calendar: Exchange) => number>> = {
  'ACT/365F': (from, to) => (to - from) / MS_PER_DAY / 365,
  'ACT/360': (from, to) => (to - from) / MS_PER_DAY / 360,
  'ACT/ACT ISDA': actualActual,
  '30/360': thirty360,
  'BUS/252': business252,
};

/** The day counts that count whole days only, so they need dates. */
export const isOfWholeDays = (dayCount: DayCount): boolean => dayCount === '30/360' || dayCount === 'BUS/252';

/**
 * Years between two points in time (milliseconds since 1970). `30/360` and `BUS/252` count their dates in UTC only.
 * @param calendar the exchange whose trading days `BUS/252` counts
 */
export const yearsBetween = (
  dayCount: DayCount,
  from: number,
  to: number,
  calendar: Exchange = defaultCalendar,
): number => years[dayCount](from, to, calendar);
