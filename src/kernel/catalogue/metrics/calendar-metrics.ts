import { longDurationBuckets, type MetricDeclaration } from './declaration.ts';

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
