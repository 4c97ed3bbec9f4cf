import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createTotalBytes } from '#src/kernel/lists/total-bytes.ts';
import { assertWithinQuota, type QuotaUse } from '#src/kernel/lists/storage-quota.ts';

/** @throws AppError `quota_exceeded` */
type AssertWithin = (wanted: number) => void;

export type EventQuotaDeps = { readonly abuse: AbuseReport; readonly max: number };

const quotaOf =
  (use: Omit<QuotaUse, 'wanted' | 'max'>) =>
  ({ abuse, max }: EventQuotaDeps): AssertWithin =>
  (wanted) =>
    assertWithinQuota(abuse, { ...use, wanted, max });

/** Checks the number of events of a calendar. */
export type EventQuota = AssertWithin;
export const createEventQuota = quotaOf({
  quota: 'calendar_events',
  unit: 'events',
  remedy: 'Remove events from the calendar.',
});

/** Checks the bytes of the events of a calendar. */
export type EventBytesQuota = AssertWithin;
export const createEventBytesQuota = quotaOf({
  quota: 'calendar_event_bytes',
  unit: 'bytes',
  remedy: 'Remove events with long texts from the calendar.',
});

/** Checks the bytes of the pages of one sync. */
export type SyncBytesQuota = AssertWithin;
export const createSyncBytesQuota = quotaOf({
  quota: 'calendar_sync_bytes',
  unit: 'bytes',
  remedy: 'Remove events with long texts or many attendees from the calendar.',
});

/** @throws AppError `quota_exceeded` if a calendar grows while the events of all owners have the max number of bytes */
export type TotalEventBytesQuota = (query: Query, growth: number) => Promise<void>;

export const createTotalEventBytesQuota = ({
  abuse,
  clock,
  max,
}: EventQuotaDeps & { readonly clock: Pick<Clock, 'monotonic'> }): TotalEventBytesQuota => {
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
      max,
      unit: 'bytes',
      remedy: 'Try again later, or ask the operator to raise CALENDAR_BYTES.',
    });
    total.add(growth);
  };
};
