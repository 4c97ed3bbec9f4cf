import { utcDay } from '#src/kernel/calendar.ts';
import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { dateParameter, fieldsQuery, pageQuery } from '#src/kernel/lists/pagination.ts';
import type { Connection } from './connections.ts';
import { connectionStatuses } from './entities.ts';
import type { StoredEvent } from './events.ts';

const instant = z.iso.datetime();

export const connectionSchema = z
  .strictObject({
    status: z.enum([...connectionStatuses, 'none']),
    account: z.string().optional().describe('The name of the calendar at Google, known after the first sync'),
    scopes: z.array(z.string()),
    connected_at: instant.nullable(),
    last_sync: instant.optional(),
  })
  .meta({ id: 'CalendarConnection' });

export const syncSchema = z
  .strictObject({
    created: z.int().min(0),
    updated: z.int().min(0),
    deleted: z.int().min(0),
    unchanged: z.int().min(0).describe('Stored events that the sync left as they were'),
    full: z.boolean().describe('Whether all events were read, and not only changes'),
    next_sync_at: instant,
  })
  .meta({ id: 'CalendarSync' });

const eventFields = z.strictObject({
  id: z.string(),
  status: z.enum(['confirmed', 'tentative']),
  summary: z.string().nullable(),
  location: z.string().nullable(),
  start: z.string().describe('An instant; for an all-day event its first day'),
  end: z.string().describe('An instant; for an all-day event the day after its last day'),
  all_day: z.boolean(),
  time_zone: z.string().nullable(),
  recurring_event_id: z.string().nullable(),
  original_start: z.string().nullable(),
  link: z.string().nullable(),
  updated_at: instant.nullable(),
});
export const eventSchema = eventFields.meta({ id: 'CalendarEvent' });

export const eventsQuery = z.strictObject({
  ...pageQuery,
  from: dateParameter.optional().describe('First day (UTC)'),
  to: dateParameter.optional().describe('Last day (UTC)'),
  fields: fieldsQuery(eventFields),
});

/** What Google adds to the callback. Unknown names are refused, so the documented ones are all here. */
export const callbackQuery = z.strictObject({
  state: boundedText(512).min(1),
  code: boundedText(2_048).min(1).optional(),
  error: boundedText(256).optional(),
  error_description: boundedText(2_048).optional(),
  error_subtype: boundedText(256).optional(),
  error_uri: boundedText(2_048).optional(),
  scope: boundedText(4_096).optional(),
  authuser: boundedText(256).optional(),
  prompt: boundedText(256).optional(),
  hd: boundedText(256).optional(),
  iss: boundedText(256).optional(),
  session_state: boundedText(512).optional(),
});

export const shownConnection = (connection: Connection | undefined) =>
  connection
    ? {
        status: connection.status,
        ...(connection.account !== null && { account: connection.account }),
        scopes: connection.scopes,
        connected_at: connection.connected_at.toISOString(),
        ...(connection.last_sync_at && { last_sync: connection.last_sync_at.toISOString() }),
      }
    : { status: 'none' as const, scopes: [], connected_at: null };

export const shownEvent = ({ starts_at: start, ends_at: end, updated_at: updated, ...event }: StoredEvent) => {
  const show = (at: Date): string => (event.all_day ? utcDay(at) : at.toISOString());
  return { ...event, start: show(start), end: show(end), updated_at: updated?.toISOString() ?? null };
};
