import type { CauseAlert } from '../cause-alert.ts';
import { i1 } from './instance.ts';

const deliveries = 'volwatch_webhook_deliveries_total';
const calendarSyncs = 'volwatch_calendar_sync_duration_seconds_count';
const failedSyncs = `${calendarSyncs}{job="volwatch",outcome="failed"}`;
const failing = `${deliveries}{job="volwatch",outcome=~"failed|dead"}`;

const mail = 'volwatch_mail_messages_total';
const triedMail = `${mail}{job="volwatch",outcome=~"sent|failed|dead"}`;
const failedMail = `${mail}{job="volwatch",outcome=~"failed|dead"}`;

const endedJobs = (outcome: 'dead' | 'replaced'): string =>
  `volwatch_jobs_total{job="volwatch",queue!~"webhook_delivery|calendar|mail",outcome="${outcome}"}`;

/** Causes in background work, for which no caller waits. */
export const backgroundAlerts: readonly CauseAlert[] = [
  {
    alert: 'JobsDying',
    // A job of a change that fails is replaced by that of the next change before it is dead. An attempt can take minutes, so the window is long.
    expr: `sum by (queue) (increase(${endedJobs('dead')}[15m])) > 0 or sum by (queue) (increase(${endedJobs('replaced')}[2h])) > 3`,
    for: '1m',
    severity: 'ticket',
    summary:
      '{{ $value | humanize }} jobs of queue {{ $labels.queue }} used up their attempts, or failed and were replaced',
    description:
      'Dead ones wait in the dead-letter queue and are not tried again by themselves. Replaced ones are of changes that come faster than the attempts, and whose work fails each time.',
    proof: {
      series: {
        // The failures of the first minutes are those of one person.
        [`volwatch_jobs_total{${i1},queue="refresh",outcome="replaced"}`]: '0x2 0+1x2 2x6 2+1x15 17x140',
        [`volwatch_jobs_total{${i1},queue="refresh",outcome="dead"}`]: '0x170',
      },
      quiet: 8,
      fires: 25,
      over: 160,
      labels: { queue: 'refresh' },
      summary: '14 jobs of queue refresh used up their attempts, or failed and were replaced',
    },
  },
  {
    alert: 'WebhookDeliveriesFailing',
    expr: `sum(increase(${failing}[10m])) / sum(increase(${deliveries}{job="volwatch"}[10m])) > 0.5 and sum(increase(${failing}[10m])) >= 8`,
    for: '5m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of the attempts at webhook deliveries fail',
    description:
      'More than half of ten minutes, and more than one failing delivery makes: the way out is broken, or busy receivers are.',
    proof: {
      series: {
        [`${deliveries}{${i1},outcome="delivered"}`]: '0+1x40',
        [`${deliveries}{${i1},outcome="failed"}`]: '0x10 0+6x10 60x20',
      },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: {},
      summary: '84.38% of the attempts at webhook deliveries fail',
    },
  },
  {
    alert: 'CalendarSyncsFailing',
    expr: `sum(increase(${failedSyncs}[10m])) / sum(increase(${calendarSyncs}{job="volwatch"}[10m])) > 0.5 and sum(increase(${failedSyncs}[10m])) >= 3`,
    for: '2m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of the calendar syncs fail',
    description:
      'More than half of ten minutes, not counting those for which a user must act. Stored events stay as they were.',
    proof: {
      series: {
        [`${calendarSyncs}{${i1},trigger="request",outcome="succeeded"}`]: '0+1x40',
        [`${calendarSyncs}{${i1},trigger="request",outcome="failed"}`]: '0x10 0+6x10 60x20',
      },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: {},
      summary: '84.38% of the calendar syncs fail',
    },
  },
  {
    alert: 'MailNotDelivered',
    expr: `sum(increase(${failedMail}[10m])) / sum(increase(${triedMail}[10m])) > 0.5 and sum(increase(${failedMail}[10m])) >= 3`,
    for: '2m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of the attempts to send mail fail',
    description: 'More than half of ten minutes: the SMTP server is down, or it refuses. Users cannot reset passwords.',
    proof: {
      series: {
        [`${mail}{${i1},kind="password_reset",outcome="sent"}`]: '0+1x40',
        [`${mail}{${i1},kind="password_reset",outcome="failed"}`]: '0x10 0+6x10 60x20',
      },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: {},
      summary: '84.38% of the attempts to send mail fail',
    },
  },
  {
    alert: 'TelemetryDropped',
    expr: 'sum by (instance, signal, reason) (rate(volwatch_telemetry_dropped_total{job="volwatch"}[5m])) > 0',
    for: '1m',
    severity: 'ticket',
    summary:
      '{{ $labels.instance }} drops {{ $value | humanize }} {{ $labels.signal }} per second ({{ $labels.reason }})',
    description:
      'The Collector does not take what the service sends. Requests are not affected. Spans, metrics or log lines are lost.',
    proof: {
      series: {
        [`volwatch_telemetry_dropped_total{${i1},signal="traces",reason="export_failed"}`]: '0x10 0+60x10 600x20',
      },
      quiet: 5,
      fires: 18,
      over: 30,
      labels: { instance: 'a:9464', signal: 'traces', reason: 'export_failed' },
      summary: 'a:9464 drops 1 traces per second (export_failed)',
    },
  },
];
