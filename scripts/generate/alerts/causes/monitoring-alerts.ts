import type { CauseAlert } from '../cause-alert.ts';

/** Jobs of alerts/prometheus.yml by name, because the Prometheus of a cluster has jobs of others too. */
const jobs = 'postgres|collector|collector-itself|prometheus|alertmanager|proxy|host|probe';
const collector = { job: 'collector-itself', instance: 'c:8888' };

/** Causes in the monitoring itself, which would hide other alerts. The service is not affected. */
export const monitoringAlerts: readonly CauseAlert[] = [
  {
    alert: 'TargetDown',
    expr: `max_over_time(up{job=~"${jobs}"}[1m]) == 0`,
    for: '1m',
    severity: 'ticket',
    summary: '{{ $labels.instance }} of {{ $labels.job }} has not answered a scrape for two minutes',
    description: 'Panels and alerts that are made of its metrics show nothing until it answers again.',
    proof: {
      series: { 'up{job="postgres",instance="p:9187"}': '1x10 0x10 1x20' },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { job: 'postgres', instance: 'p:9187' },
      summary: 'p:9187 of postgres has not answered a scrape for two minutes',
    },
  },
  {
    alert: 'AlertsNotDelivered',
    expr: 'sum by (integration) (rate(alertmanager_notification_requests_failed_total{job="alertmanager"}[5m])) > 0',
    for: '0s',
    severity: 'ticket',
    summary:
      '{{ $value | humanize }} attempts per second of Alertmanager to deliver a notification fail ({{ $labels.integration }})',
    description:
      'The receiver of pages or of tickets refuses or does not answer. Alertmanager tries again; look at its page.',
    proof: {
      series: {
        'alertmanager_notification_requests_failed_total{job="alertmanager",integration="webhook",receiver_name="page"}':
          '0x10 0+60x10 600x20',
      },
      quiet: 5,
      fires: 18,
      over: 30,
      labels: { integration: 'webhook' },
      summary: '1 attempts per second of Alertmanager to deliver a notification fail (webhook)',
    },
  },
  {
    alert: 'CollectorLosesSpans',
    expr: [
      'sum by (job, instance) (rate(otelcol_receiver_refused_spans{job="collector-itself"}[5m])) > 0',
      'sum by (job, instance) (rate(otelcol_exporter_send_failed_spans{job="collector-itself"}[5m])) > 0',
      'sum by (job, instance) (min_over_time(otelcol_exporter_queue_size{job="collector-itself"}[2m])) > 0',
    ].join(' or '),
    for: '1m',
    severity: 'ticket',
    summary: 'the Collector {{ $labels.instance }} refuses, loses or cannot pass on spans ({{ $value | humanize }})',
    description:
      'The value is spans per second that are refused or lost, or else batches that have waited for two minutes: the trace store does not take them.',
    proof: {
      series: {
        'otelcol_exporter_queue_size{job="collector-itself",instance="c:8888",exporter="otlp_grpc"}': '0x10 7x12 0x20',
      },
      quiet: 10,
      fires: 18,
      over: 28,
      labels: collector,
      summary: 'the Collector c:8888 refuses, loses or cannot pass on spans (7)',
    },
  },
];
