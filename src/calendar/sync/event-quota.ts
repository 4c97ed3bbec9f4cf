import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';

/** @throws AppError `quota_exceeded` if a calendar would have more events than allowed */
export type EventQuota = (events: number) => void;

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
