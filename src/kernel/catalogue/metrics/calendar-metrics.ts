import { longDurationBuckets, type MetricDeclaration } from './declaration.ts';

/**
 * Why an event of Google is skipped. malformed: not as documented; time: times that contradict each other or have no year of four
 * digits; time_zone: a local time in an unknown time zone.
 */
export const skipReasons = ['malformed', 'time', 'time_zone'] as const;
export type SkipReason = (typeof skipReasons)[number];

/** The Google calendar. */
export const calendarMetrics = {
  volwatch_calendar_sync_duration_seconds: {
    type: 'histogram',
    help: 'Duration of calendar syncs in seconds. refused: the user must act, for example connect again',
    labels: { trigger: ['request', 'schedule'], outcome: ['succeeded', 'refused', 'failed'] },
    buckets: longDurationBuckets,
  },
  volwatch_calendar_events_total: {
    type: 'counter',
    help: 'Calendar events changed by committed syncs',
    labels: { change: ['created', 'updated', 'deleted'] },
  },
  volwatch_calendar_events_skipped_total: {
    type: 'counter',
    help: 'Events of Google that cannot be read and were skipped by committed syncs. time: no time that can be stored; time_zone: an unknown one',
    labels: { reason: skipReasons },
  },
  volwatch_calendar_token_refreshes_total: {
    type: 'counter',
    help: 'Refreshes of Google access tokens. awaited: another caller refreshed the token meanwhile',
    labels: { outcome: ['refreshed', 'awaited', 'reauthorization_required', 'failed'] },
  },
  volwatch_calendar_connections: {
    type: 'gauge',
    help: 'Connected calendars by status',
    labels: { status: ['connected', 'reauthorization_required'] },
  },
} as const satisfies Record<string, MetricDeclaration>;
