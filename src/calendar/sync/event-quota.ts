import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';

/** @throws AppError `quota_exceeded` if a calendar would have more events than allowed */
export type EventQuota = (events: number) => void;

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
