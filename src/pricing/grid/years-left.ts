import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';
import type { DayCount } from '../request/conventions/convention-members.ts';
import { isOfWholeDays, yearsBetween } from '../request/conventions/day-count.ts';
import { MS_PER_DAY, readMoment } from '../request/conventions/moment.ts';

/** The expiry or a payment: years from the valuation, and the date or instant that they come from, if there is one. */
type TimePoint = { readonly years: number; readonly ms?: number | undefined };

/** The years until a point when some days have passed; 0 or less if the point is reached. */
export type YearsLeft = (point: TimePoint, days: number) => number;

/** The milliseconds of a date or instant that was validated before; undefined if there is none. */
export const msOf = (text: unknown): number | undefined => readMoment(text)?.ms;

/** `30/360` and `BUS/252` count whole days only, so a part of a day takes its part of the years of that day. */
const interpolated = (days: number, yearsAt: (wholeDays: number) => number): number => {
  const whole = Math.floor(days);
  const years = yearsAt(whole);
  return whole === days ? years : years + (yearsAt(whole + 1) - years) * (days - whole);
};

/**
 * How the days of a grid shorten the times of an option. Times that come from dates are counted again from the later
 * date by the day count of the option, so that no time is left on the day itself. Other times become shorter by the
 * years that the day count gives for the days from the valuation date. Without a valuation date a day is 1/365 year.
 */
export const createYearsLeft = (option: Readonly<Record<string, unknown>>): YearsLeft => {
  const from = msOf(option['valuation_date']);
  if (from === undefined) return ({ years }, days) => years - days / 365;
  const dayCount = option['day_count'] as DayCount;
  const calendar = option['calendar'] as Exchange | undefined;
  const after = (days: number): number => from + days * MS_PER_DAY;
  const count = (days: number, yearsAt: (passed: number) => number): number =>
    isOfWholeDays(dayCount) ? interpolated(days, yearsAt) : yearsAt(days);
  return ({ years, ms }, days) =>
    ms === undefined
      ? years - count(days, (passed) => yearsBetween(dayCount, from, after(passed), calendar))
      : count(days, (passed) => yearsBetween(dayCount, after(passed), ms, calendar));
};
