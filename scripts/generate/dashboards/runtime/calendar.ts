import { of, quantile, shareOver, sumRate, type RowSpec } from '../spec.ts';

const syncs = 'volwatch_calendar_sync_duration_seconds_count';

/** The Google calendar. */
export const calendar: RowSpec = {
  title: 'Calendar',
  panels: [
    {
      id: 50,
      kind: 'timeseries',
      title: 'Failed share of calendar syncs',
      description: 'Failed syncs of all, over 10 minutes. Syncs for which a user must act are not counted as failed.',
      unit: 'share',
      queries: [{ expr: shareOver('10m', of(syncs, 'outcome="failed"'), of(syncs)), legend: 'failing' }],
      thresholds: [{ value: 0.5, color: 'red' }],
      thresholdSource: 'alerts/rules/causes.yml',
      alerts: ['CalendarSyncsFailing'],
    },
    {
      id: 51,
      kind: 'timeseries',
      title: 'Duration of calendar syncs',
      description: 'p95 by trigger and outcome; points open the trace.',
      unit: 'seconds',
      queries: [
        {
          expr: quantile(0.95, of('volwatch_calendar_sync_duration_seconds_bucket'), 'trigger, outcome'),
          legend: '{{trigger}} {{outcome}}',
        },
      ],
      rare: true,
      exemplars: true,
    },
    {
      id: 52,
      kind: 'timeseries',
      title: 'Changes by calendar syncs',
      description:
        'Events that committed syncs created, updated and deleted per second, and those of Google that they skipped because they cannot be read.',
      unit: 'events/s',
      queries: [
        { expr: sumRate(of('volwatch_calendar_events_total'), 'change'), legend: '{{change}}' },
        { expr: sumRate(of('volwatch_calendar_events_skipped_total'), 'reason'), legend: 'skipped: {{reason}}' },
      ],
    },
    {
      id: 53,
      kind: 'timeseries',
      title: 'Refreshes of Google tokens by outcome',
      description: 'Refreshes per second by outcome; awaited: another process refreshed the token meanwhile.',
      unit: 'events/s',
      queries: [{ expr: sumRate(of('volwatch_calendar_token_refreshes_total'), 'outcome'), legend: '{{outcome}}' }],
    },
    {
      id: 54,
      kind: 'timeseries',
      title: 'Connected calendars by status',
      description: 'As the database has them. A user must consent again where reauthorization is required.',
      unit: 'count',
      queries: [{ expr: `max by (status) (${of('volwatch_calendar_connections')})`, legend: '{{status}}' }],
    },
  ],
};
