import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { dayMs, isCalendarDate } from '#src/kernel/calendar.ts';
import { googleText } from './google-text.ts';
import type { SkipReason } from '#src/kernel/catalogue/metrics/calendar-metrics.ts';
import { utcOf } from '#src/kernel/time/time-zones.ts';

/** Longer than each instant with nanoseconds. The text of the first start of a repeated event is stored. */
const maxInstantCharacters = 64;
const dateTime = boundedText(maxInstantCharacters);

export const pointSchema = z.union([
  z.object({ date: z.iso.date({ abort: true }).refine(isCalendarDate) }),
  z.object({
    dateTime: z.union([
      dateTime.pipe(z.iso.datetime({ offset: true })),
      dateTime.pipe(z.iso.datetime({ local: true })),
    ]),
    timeZone: googleText(100).optional(),
  }),
]);
type Point = z.output<typeof pointSchema>;

/** The time of an event that cannot be stored. */
export class UnreadableTime extends Error {
  override readonly name = 'UnreadableTime';
  readonly reason: Extract<SkipReason, 'time' | 'time_zone'>;
  constructor(reason: UnreadableTime['reason']) {
    super(reason);
    this.reason = reason;
  }
}

/** The last instant of a year with four digits. PostgreSQL does not read the texts of later ones. */
const maxInstant = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** As for days: a year with four digits that does not begin with 0. */
const minInstant = Date.UTC(1000, 0, 1);

/** ISO 8601 in UTC. @throws UnreadableTime */
export const storableInstant = (milliseconds: number): string => {
  // Also false for NaN.
  if (!(milliseconds >= minInstant && milliseconds <= maxInstant)) throw new UnreadableTime('time');
  return new Date(milliseconds).toISOString();
};

const localInstant = (local: string, timeZone: string): number => {
  try {
    return utcOf(local, timeZone);
  } catch (error) {
    if (error instanceof RangeError) throw new UnreadableTime('time_zone');
    throw error;
  }
};

const instantOf = (point: Point, calendarZone: string | undefined): number => {
  if ('date' in point) return Date.parse(point.date);
  // Before the offset of a zone is looked up, because that needs a year of four digits.
  storableInstant(Date.parse(`${point.dateTime.slice(0, 19)}Z`));
  if (/(?:Z|[+-]\d{2}:?\d{2})$/i.test(point.dateTime)) return Date.parse(point.dateTime);
  return localInstant(point.dateTime, point.timeZone ?? calendarZone ?? 'UTC');
};

export const textOf = (point: Point): string => ('date' in point ? point.date : point.dateTime);

type Span = { readonly start: Point; readonly end?: Point | undefined };

/** @throws UnreadableTime for times that contradict each other, or cannot be stored */
export const timesOf = ({ start, end = start }: Span, calendarZone: string | undefined) => {
  const allDay = 'date' in start;
  const startsAt = instantOf(start, calendarZone);
  const endsAt = instantOf(end, calendarZone);
  // All-day at one end only, or an end before the start.
  if (allDay !== 'date' in end || !(endsAt >= startsAt)) throw new UnreadableTime('time');
  const ownZone = 'timeZone' in start ? start.timeZone : undefined;
  return {
    starts_at: storableInstant(startsAt),
    // The end of an all-day event is the day after it. Without an end it is one day long.
    ends_at: storableInstant(allDay && endsAt === startsAt ? startsAt + dayMs : endsAt),
    all_day: allDay,
    time_zone: ownZone ?? (allDay ? undefined : calendarZone) ?? null,
  };
};
