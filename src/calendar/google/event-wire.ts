import { z } from 'zod';
import { dayMs, isCalendarDate } from '#src/kernel/calendar.ts';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { checkItems, placeOfFault } from '#src/kernel/http-answers.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { badResponse } from './google-http.ts';
import { createLocalTimes } from './zoned-time.ts';

/** An event as it is stored. Times are ISO 8601 in UTC. */
export type CalendarEvent = {
  readonly event_id: string;
  readonly status: 'confirmed' | 'tentative';
  readonly summary: string | null;
  readonly location: string | null;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly all_day: boolean;
  readonly time_zone: string | null;
  readonly recurring_event_id: string | null;
  readonly original_start: string | null;
  readonly link: string | null;
  readonly etag: string | null;
  readonly updated_at: string | null;
};

/** A page of events. The last page has a sync token, the others have a page token. */
export type EventPage = {
  readonly account: string | undefined;
  readonly events: readonly CalendarEvent[];
  /** Ids of events that do not exist any more. */
  readonly cancelled: readonly string[];
  readonly nextPageToken: string | undefined;
  readonly nextSyncToken: string | undefined;
};

const maxTextCharacters = 2_000;
/** PostgreSQL stores no NUL, and half of a surrogate pair is not UTF-8. */
const freeText = z
  .string()
  .transform((value) => value.replaceAll('\u0000', '').slice(0, maxTextCharacters).toWellFormed());
const identifier = z
  .string()
  .min(1)
  .max(1_024)
  .refine((value) => !value.includes('\u0000') && value.isWellFormed());
const token = z.string().min(1).max(8_192);

const pointSchema = z.union([
  z.object({ date: z.iso.date().refine(isCalendarDate) }),
  z.object({
    dateTime: z.union([z.iso.datetime({ offset: true }), z.iso.datetime({ local: true })]),
    timeZone: z.string().max(100).optional(),
  }),
]);
type Point = z.output<typeof pointSchema>;

const eventSchema = z.object({
  id: identifier,
  status: z.enum(['confirmed', 'tentative']).default('confirmed'),
  summary: freeText.optional(),
  location: freeText.optional(),
  start: pointSchema,
  end: pointSchema.optional(),
  recurringEventId: identifier.optional(),
  originalStartTime: pointSchema.optional(),
  htmlLink: freeText.optional(),
  etag: identifier.optional(),
  updated: z.iso.datetime({ offset: true }).optional(),
});
/** Google guarantees only the id of a cancelled event. */
const cancelledSchema = z.object({ id: identifier, status: z.literal('cancelled') });
const itemSchema = z.union([cancelledSchema, eventSchema]);

const pageSchema = z.object({
  kind: z.literal('calendar#events').optional(),
  summary: freeText.optional(),
  timeZone: z.string().max(100).optional(),
  items: z.array(z.unknown()),
  nextPageToken: token.optional(),
  nextSyncToken: token.optional(),
});

/** What the times of the events of one page need. */
type Zones = {
  readonly calendarZone: string | undefined;
  readonly utcOf: ReturnType<typeof createLocalTimes>['utcOf'];
};

const instantOf = (point: Point, { calendarZone, utcOf }: Zones): number => {
  if ('date' in point) return Date.parse(point.date);
  if (/(?:Z|[+-]\d{2}:?\d{2})$/i.test(point.dateTime)) return Date.parse(point.dateTime);
  return utcOf(point.dateTime, point.timeZone ?? calendarZone ?? 'UTC');
};
const textOf = (point: Point): string => ('date' in point ? point.date : point.dateTime);

const firstInstant = Date.parse('0001-01-01T00:00:00.000Z');
const lastInstant = Date.parse('9999-12-31T23:59:59.999Z');

/** ISO 8601 in UTC. @throws RangeError for a time in a year that has not four digits, because PostgreSQL does not read it */
const isoText = (instant: number): string => {
  if (instant < firstInstant || instant > lastInstant) throw new RangeError('The year has not four digits');
  return new Date(instant).toISOString();
};

/** @throws AppError `external_api_bad_response` for times that contradict each other */
const timesOf = ({ start, end = start }: z.output<typeof eventSchema>, zones: Zones) => {
  const allDay = 'date' in start;
  const startsAt = instantOf(start, zones);
  const endsAt = instantOf(end, zones);
  if (allDay !== 'date' in end) throw badResponse('answered with an event that is all-day at one end only');
  if (!(endsAt >= startsAt)) throw badResponse('answered with an event that ends before it starts');
  const ownZone = 'timeZone' in start ? start.timeZone : undefined;
  return {
    starts_at: isoText(startsAt),
    // The end of an all-day event is the day after it. Without an end it is one day long.
    ends_at: isoText(allDay && endsAt === startsAt ? startsAt + dayMs : endsAt),
    all_day: allDay,
    time_zone: ownZone ?? (allDay ? undefined : zones.calendarZone) ?? null,
  };
};

const toStored = (event: z.output<typeof eventSchema>, zones: Zones): CalendarEvent => {
  return {
    event_id: event.id,
    status: event.status,
    summary: event.summary ?? null,
    location: event.location ?? null,
    ...timesOf(event, zones),
    recurring_event_id: event.recurringEventId ?? null,
    original_start: event.originalStartTime ? textOf(event.originalStartTime) : null,
    link: event.htmlLink ?? null,
    etag: event.etag ?? null,
    // In UTC, because PostgreSQL knows offsets up to 16 hours only.
    updated_at: event.updated === undefined ? null : isoText(Date.parse(event.updated)),
  };
};

const notAsDocumented = (error: z.ZodError, before?: readonly PropertyKey[]): AppError =>
  badResponse(`answered with events that do not match their schema at ${placeOfFault(error, before)}`);

/** @throws AppError `external_api_bad_response` for a body that is not as documented */
export const readEventPage = async (body: unknown, signal: AbortSignal): Promise<EventPage> => {
  const parsed = pageSchema.safeParse(body);
  if (!parsed.success) throw notAsDocumented(parsed.error);
  const { summary, items: given, timeZone, nextPageToken, nextSyncToken } = parsed.data;
  if (nextPageToken === undefined && nextSyncToken === undefined) {
    throw badResponse('answered with a page of events that has neither a next page nor a sync token');
  }
  const wrong = (error: z.ZodError, index: number): AppError => notAsDocumented(error, ['items', index]);
  const items = await checkItems(given, itemSchema, wrong, signal);
  const events: CalendarEvent[] = [];
  const cancelled: string[] = [];
  const zones: Zones = { calendarZone: timeZone, utcOf: createLocalTimes().utcOf };
  const { give } = createTurns({ signal });
  for (const item of items) {
    const turn = give();
    if (turn) await turn;
    if (item.status === 'cancelled') cancelled.push(item.id);
    else {
      try {
        events.push(toStored(item, zones));
      } catch (error) {
        if (error instanceof RangeError) throw badResponse('answered with an event in an unknown time zone or time');
        throw error;
      }
    }
  }
  return { account: summary, events, cancelled, nextPageToken, nextSyncToken };
};
