import { z } from 'zod';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { SkipReason } from '#src/kernel/catalogue/metrics/calendar-metrics.ts';
import { placeOfFault } from '#src/kernel/http-answers.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { pointSchema, storableInstant, textOf, timesOf, UnreadableTime } from './event-times.ts';
import { badResponse } from './google-http.ts';
import { googleText } from './google-text.ts';

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

export type SkippedEvents = Readonly<Record<SkipReason, number>>;

/** A page of events. The last page has a sync token, the others have a page token. */
export type EventPage = {
  readonly account: string | undefined;
  readonly events: readonly CalendarEvent[];
  /** Ids of events that do not exist any more, or cannot be read: what is stored of them is outdated. */
  readonly cancelled: readonly string[];
  readonly skipped: SkippedEvents;
  readonly nextPageToken: string | undefined;
  readonly nextSyncToken: string | undefined;
};

const maxTextCharacters = 500;
/** PostgreSQL stores no NUL, and half of a surrogate pair is not UTF-8. */
const storable = (text: string): string => text.replaceAll('\u0000', '').toWellFormed();
/** A copy, because a part of a long text keeps the whole text in memory. */
const cut = (text: string): string =>
  text.length <= maxTextCharacters ? text : Buffer.from(text.slice(0, maxTextCharacters).toWellFormed()).toString();
const freeText = z.string().transform(storable).transform(cut);
const maxLinkCharacters = 1_000;
/** A part of a link leads nowhere, so a link that is too long is left out. */
const unlessLong = (value: string): string | undefined => (value.length <= maxLinkCharacters ? value : undefined);
const link = z.string().transform(storable).transform(unlessLong);
/** An id has at most 1,024 characters, and the id of an instance of a repeated event has its time behind that. */
const maxIdBytes = 1_100;
/** Bytes of UTF-8, because PostgreSQL refuses a row of an index that is larger than 2,704 bytes: an id of 1,100 other characters would end each sync of its calendar. */
const identifier = googleText(maxIdBytes).refine((value) => Buffer.byteLength(value) <= maxIdBytes);
const token = googleText(8_192);
/** The text of an instant. It is stored in our own format, because PostgreSQL refuses some that are valid. */
const instant = z.iso.datetime({ offset: true });

const eventSchema = z.object({
  id: identifier,
  status: z.enum(['confirmed', 'tentative']).default('confirmed'),
  summary: freeText.optional(),
  location: freeText.optional(),
  start: pointSchema,
  end: pointSchema.optional(),
  recurringEventId: identifier.optional(),
  originalStartTime: pointSchema.optional(),
  htmlLink: link.optional(),
  etag: identifier.optional(),
  updated: instant.optional(),
});
/** Google guarantees only the id of a cancelled event. */
const cancelledSchema = z.object({ id: identifier, status: z.literal('cancelled') });
const idSchema = z.object({ id: identifier });
const itemSchema = z.union([cancelledSchema, eventSchema]);

const pageSchema = z.object({
  kind: z.literal('calendar#events').optional(),
  summary: freeText.optional(),
  timeZone: googleText(100).optional(),
  items: z.array(z.unknown()),
  nextPageToken: token.optional(),
  nextSyncToken: token.optional(),
});

const toStored = (event: z.output<typeof eventSchema>, calendarZone: string | undefined): CalendarEvent => {
  return {
    event_id: event.id,
    status: event.status,
    summary: event.summary ?? null,
    location: event.location ?? null,
    ...timesOf(event, calendarZone),
    recurring_event_id: event.recurringEventId ?? null,
    original_start: event.originalStartTime ? textOf(event.originalStartTime) : null,
    link: event.htmlLink ?? null,
    etag: event.etag ?? null,
    updated_at: event.updated === undefined ? null : storableInstant(Date.parse(event.updated)),
  };
};

const notAsDocumented = (place: string): AppError =>
  badResponse(`answered with events that do not match their schema at ${place}`);

export const noneSkipped = (): Record<SkipReason, number> => ({ malformed: 0, time: 0, time_zone: 0 });

/** So many events of a page, and more than half of them, are no mistakes of single events: Google answers another format. */
const minUnreadable = 10;

/**
 * Reads a page. An event that cannot be read is skipped, because one event that somebody wrote must not keep the others from
 * being stored.
 * @throws AppError `external_api_bad_response` for a page that is not as documented, or most of whose events are not
 */
export const readEventPage = async (body: unknown, signal: AbortSignal): Promise<EventPage> => {
  const parsed = pageSchema.safeParse(body);
  if (!parsed.success) throw notAsDocumented(placeOfFault(parsed.error));
  const { summary, items, timeZone, nextPageToken, nextSyncToken } = parsed.data;
  if (nextPageToken === undefined && nextSyncToken === undefined) {
    throw badResponse('answered with a page of events that has neither a next page nor a sync token');
  }
  const events: CalendarEvent[] = [];
  const cancelled: string[] = [];
  const skipped: Record<SkipReason, number> = noneSkipped();
  const maxUnreadable = Math.max(minUnreadable - 1, Math.floor(items.length / 2));
  let unreadable = 0;
  const skip = (item: unknown, reason: SkipReason, place: string): void => {
    skipped[reason] += 1;
    unreadable += 1;
    if (unreadable > maxUnreadable) throw notAsDocumented(place);
    const known = idSchema.safeParse(item);
    if (known.success) cancelled.push(known.data.id);
  };
  const { give } = createTurns({ signal });
  for (const [index, given] of items.entries()) {
    const turn = give();
    if (turn) await turn;
    const item = itemSchema.safeParse(given);
    if (!item.success) skip(given, 'malformed', placeOfFault(item.error, ['items', index]));
    else if (item.data.status === 'cancelled') cancelled.push(item.data.id);
    else {
      try {
        events.push(toStored(item.data, timeZone));
      } catch (error) {
        if (!(error instanceof UnreadableTime)) throw error;
        skip(given, error.reason, `/items/${index}`);
      }
    }
  }
  return { account: summary, events, cancelled, skipped, nextPageToken, nextSyncToken };
};
