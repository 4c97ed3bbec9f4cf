import type { CalendarEvent } from '../google/event-wire.ts';

/** What an event takes beside its texts: times, keys, and the row or object itself. */
const fixedBytes = 300;
const texts = [
  'event_id',
  'summary',
  'location',
  'time_zone',
  'recurring_event_id',
  'original_start',
  'link',
  'etag',
] as const;

/** The size of an event for quotas: about what its row takes in the table, and what it takes in memory. */
export const bytesOf = (event: CalendarEvent): number =>
  texts.reduce((sum, name) => sum + Buffer.byteLength(event[name] ?? ''), fixedBytes);

/** The size of an id of an event that does not exist any more. It is kept until the sync is stored. */
export const bytesOfId = (id: string): number => 100 + Buffer.byteLength(id);

/** SQL: the same size of a row of `calendar_event`. */
export const bytesOfRowSql = `${fixedBytes} + ${texts.map((name) => `octet_length(coalesce(${name}, ''))`).join(' + ')}`;
