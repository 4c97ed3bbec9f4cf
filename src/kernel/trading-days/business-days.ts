import { dayMs } from '../calendar.ts';
import type { Exchange } from './exchanges.ts';
import calendars from './trading-days.json' with { type: 'json' };

/** The days for which the calendars are known. */
export const calendarYears = {
  from: `${calendars.first_year}-01-01`,
  to: `${calendars.last_year}-12-31`,
} as const;

/** The closed weekdays of each exchange as days since 1970, ascending. */
const closedDays = Object.fromEntries(
  Object.entries(calendars.exchanges).map(([exchange, { closed_weekdays: years }]) => [
    exchange,
    Int32Array.from(
      Object.entries(years).flatMap(([year, days]) =>
        days.split(' ').map((day) => Date.parse(`${year}-${day}`) / dayMs),
      ),
    ).sort(),
  ]),
) as Readonly<Record<Exchange, Int32Array>>;

/** Weekdays from a Monday before 1970 to a day, without the day. */
const weekdaysBefore = (day: number): number => {
  // Day 0 is a Thursday, so day -3 is a Monday.
  const sinceMonday = day + 3;
  const weeks = Math.floor(sinceMonday / 7);
  return weeks * 5 + Math.min(sinceMonday - weeks * 7, 5);
};

/** The number of values below `day`, by binary search. */
const countBelow = (days: Int32Array, day: number): number => {
  let low = 0;
  let high = days.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (days[middle]! < day) low = middle + 1;
    else high = middle;
  }
  return low;
};

/**
 * The trading days of an exchange from one day on and before another, as days since 1970; negative if `to` is the earlier
 * one. Outside of `calendarYears` each weekday counts.
 */
export const businessDaysBetween = (exchange: Exchange, from: number, to: number): number => {
  const closed = closedDays[exchange];
  return weekdaysBefore(to) - weekdaysBefore(from) - (countBelow(closed, to) - countBelow(closed, from));
};
