import { dayMs, utcDay } from '#src/kernel/calendar.ts';
import { firstDayOfPeriod, type Interval } from '../series/periods.ts';
import { calendarYears } from '#src/kernel/trading-days/business-days.ts';
import calendars from '#src/kernel/trading-days/trading-days.json' with { type: 'json' };
import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';

export type TradingDays = {
  /** The periods with a trading day, as the first days of the periods, ascending. */
  readonly periods: (exchange: Exchange, interval: Interval) => readonly string[];
  /**
   * The last trading day that ended `hours` or more before `now`. A day ends at midnight in the time zone of the
   * exchange. Undefined after the last year of the calendars, because holidays are not known then.
   */
  readonly expectedDay: (exchange: Exchange, now: Date, hours: number) => string | undefined;
};

const hourMs = 3_600_000;

const tradingDaysOf = (exchange: Exchange): string[] => {
  const closed = new Set(
    Object.entries(calendars.exchanges[exchange].closed_weekdays).flatMap(([year, days]) =>
      days.split(' ').map((day) => `${year}-${day}`),
    ),
  );
  const days: string[] = [];
  const end = Date.parse(calendarYears.to);
  for (let at = Date.parse(calendarYears.from); at <= end; at += dayMs) {
    const date = new Date(at);
    const isWeekend = [0, 6].includes(date.getUTCDay());
    if (!isWeekend && !closed.has(utcDay(date))) days.push(utcDay(date));
  }
  return days;
};

/** By the time zones of the exchanges. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** The day in the time zone, as `YYYY-MM-DD`. */
const localDay = (at: Date, timeZone: string): string => {
  // A new format takes 28 KB that the garbage collector does not count. The Swedish format is that of ISO 8601.
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
  formats.set(timeZone, format);
  return format.format(at);
};

/** The trading days of the exchanges. Each calendar is built at its first use and kept. */
export const createTradingDays = (): TradingDays => {
  const known = new Map<string, readonly string[]>();
  const keep = (key: string, build: () => readonly string[]): readonly string[] => {
    const found = known.get(key) ?? build();
    known.set(key, found);
    return found;
  };
  const daysOf = (exchange: Exchange): readonly string[] => keep(exchange, () => tradingDaysOf(exchange));

  return {
    periods: (exchange, interval) => {
      if (interval === '1day') return daysOf(exchange);
      return keep(`${exchange} ${interval}`, () => [
        ...new Set(daysOf(exchange).map((day) => firstDayOfPeriod(day, interval))),
      ]);
    },
    expectedDay: (exchange, now, hours) => {
      // A trading day has ended `hours` before now if the day of that instant is a later one.
      const day = localDay(new Date(now.getTime() - hours * hourMs), calendars.exchanges[exchange].time_zone);
      return day > calendarYears.to ? undefined : daysOf(exchange).findLast((each) => each < day);
    },
  };
};
