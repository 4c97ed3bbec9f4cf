import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createTotalBytes } from '#src/kernel/lists/total-bytes.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';

/** @throws AppError `quota_exceeded` if a calendar would have more events than allowed */
export type EventQuota = (events: number) => void;

/** @throws AppError `quota_exceeded` if the events of a calendar have more bytes than allowed */
export type EventBytesQuota = (bytes: number) => void;

export const createEventBytesQuota =
  ({ abuse, maxBytes }: { readonly abuse: AbuseReport; readonly maxBytes: number }): EventBytesQuota =>
  (bytes) =>
    assertWithinQuota(abuse, {
      quota: 'calendar_event_bytes',
      wanted: bytes,
      max: maxBytes,
      unit: 'bytes',
      remedy: 'Remove events with long texts from the calendar.',
    });

export type TotalEventBytesDeps = {
  readonly abuse: AbuseReport;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Max bytes of the events of all owners. */
  readonly maxBytes: number;
};

/** @throws AppError `quota_exceeded` if a calendar grows while the events of all owners have the max number of bytes */
export type TotalEventBytesQuota = (query: Query, growth: number) => Promise<void>;

export const createTotalEventBytesQuota = ({ abuse, clock, maxBytes }: TotalEventBytesDeps): TotalEventBytesQuota => {
  const total = createTotalBytes({
    clock,
    read: async (query) => {
      const sql = 'select coalesce(sum(stored_bytes), 0)::float8 as bytes from calendar_connection';
      return (await query<{ bytes: number }>(sql))[0]!.bytes;
    },
  });
  return async (query, growth) => {
    if (growth <= 0) return;
    assertWithinQuota(abuse, {
      quota: 'calendar_event_bytes_of_all_owners',
      wanted: (await total.current(query)) + growth,
      max: maxBytes,
      unit: 'bytes',
      remedy: 'Try again later, or ask the operator to raise CALENDAR_BYTES.',
    });
    total.add(growth);
  };
};

/** @throws AppError `quota_exceeded` if the pages of one sync have more bytes than allowed */
export type SyncBytesQuota = (bytes: number) => void;

export const createSyncBytesQuota =
  ({ abuse, maxBytes }: { readonly abuse: AbuseReport; readonly maxBytes: number }): SyncBytesQuota =>
  (bytes) =>
    assertWithinQuota(abuse, {
      quota: 'calendar_sync_bytes',
      wanted: bytes,
      max: maxBytes,
      unit: 'bytes',
      remedy: 'Remove events with long texts or many attendees from the calendar.',
    });

export const createEventQuota =
  ({ abuse, maxEvents }: { readonly abuse: AbuseReport; readonly maxEvents: number }): EventQuota =>
  (events) =>
    assertWithinQuota(abuse, {
      quota: 'calendar_events',
      wanted: events,
      max: maxEvents,
      unit: 'events',
      remedy: 'Remove events from the calendar.',
    });
