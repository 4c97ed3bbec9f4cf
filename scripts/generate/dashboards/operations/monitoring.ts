import { highest, rate, sumRate, sumRateOrZero, type DashboardSpec } from '../spec.ts';

const collector = (metric: string): string => `${metric}{job="collector-itself"}`;
const alertmanager = (metric: string): string => `${metric}{job="alertmanager"}`;
const prometheus = (metric: string): string => `${metric}{job="prometheus"}`;

export const monitoring: DashboardSpec = {
  uid: 'volwatch-monitoring',
  file: 'monitoring',
  title: 'Volwatch / Monitoring itself',
  description:
    'Whether the other dashboards and the alerts can be trusted: targets, rules, notifications, the Collector.',
  rows: [
    {
      title: 'Targets and alerts',
      panels: [
        {
          id: 1,
          kind: 'states',
          title: 'Targets',
          description: 'Whether Prometheus can scrape each target. What is made of a target that is down has gaps.',
          unit: 'state',
          queries: [{ expr: 'up{instance=~"$instance"} or up{job!="volwatch"}', legend: '{{job}} {{instance}}' }],
          alerts: ['TargetDown'],
          height: 10,
        },
        {
          id: 2,
          kind: 'states',
          title: "Dead man's switch",
          description:
            'The alert Watchdog fires always, and its receiver calls somebody when it stays away. A gap: rules were not evaluated.',
          unit: 'state',
          queries: [
            { expr: 'max by (alertname) (ALERTS{alertname="Watchdog",alertstate="firing"})', legend: '{{alertname}}' },
          ],
          states: [{ value: 1, text: 'Firing', color: 'green' }],
          alerts: ['Watchdog'],
          height: 10,
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Notifications by receiver type',
          description: 'Attempts per second of Alertmanager to deliver a notification, and those that failed.',
          unit: 'events/s',
          queries: [
            {
              expr: `${sumRate(alertmanager('alertmanager_notification_requests_total'), 'integration')} > 0`,
              legend: '{{integration}} attempts',
            },
            {
              expr: `${sumRate(alertmanager('alertmanager_notification_requests_failed_total'), 'integration')} > 0`,
              legend: '{{integration}} failed',
            },
          ],
          alerts: ['AlertsNotDelivered'],
        },
        {
          id: 4,
          kind: 'timeseries',
          title: 'Failures of Prometheus',
          description:
            'Rules that could not be evaluated, evaluations that were missed, and alerts that Alertmanager did not take, per second.',
          unit: 'events/s',
          queries: [
            {
              expr: `sum(${rate(prometheus('prometheus_rule_evaluation_failures_total'))})`,
              legend: 'rules that failed',
            },
            {
              expr: `sum(${rate(prometheus('prometheus_rule_group_iterations_missed_total'))})`,
              legend: 'evaluations missed',
            },
            { expr: `sum(${rate(prometheus('prometheus_notifications_errors_total'))})`, legend: 'alerts not taken' },
          ],
        },
        {
          id: 5,
          kind: 'timeseries',
          title: 'Series in Prometheus',
          description: 'Series in memory. A steady rise is a label without a closed set of values.',
          unit: 'count',
          queries: [{ expr: prometheus('prometheus_tsdb_head_series'), legend: '{{instance}}' }],
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Duration of rule groups',
          description:
            'Seconds that the last evaluation took, of the eight slowest groups. Beyond its interval, evaluations are missed.',
          unit: 'seconds',
          queries: [
            {
              expr: highest(
                `max by (group) (label_replace(${prometheus('prometheus_rule_group_last_duration_seconds')}, "group", "$1", "rule_group", ".*;(.*)"))`,
                'group',
              ),
              legend: '{{group}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Collector',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Spans into and out of the Collector',
          description: 'Spans per second. Sampling takes most of the difference on purpose.',
          unit: 'events/s',
          queries: [
            { expr: `sum(${rate(collector('otelcol_receiver_accepted_spans'))})`, legend: 'accepted' },
            {
              expr: sumRateOrZero(
                collector('otelcol_exporter_sent_spans'),
                collector('otelcol_receiver_accepted_spans'),
              ),
              legend: 'stored',
            },
          ],
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Spans refused and lost by the Collector',
          description:
            'Spans per second that it refused, because its memory is full, or that the trace store did not take after all attempts.',
          unit: 'events/s',
          queries: [
            {
              expr: sumRateOrZero(
                collector('otelcol_receiver_refused_spans'),
                collector('otelcol_receiver_accepted_spans'),
              ),
              legend: 'refused',
            },
            {
              expr: sumRateOrZero(
                collector('otelcol_exporter_send_failed_spans'),
                collector('otelcol_receiver_accepted_spans'),
              ),
              legend: 'lost',
            },
          ],
          alerts: ['CollectorLosesSpans'],
        },
        {
          id: 12,
          kind: 'timeseries',
          title: 'Queue to the trace store',
          description: 'Batches that wait, of the max that fits. Beyond 0 for long: the trace store is slow or down.',
          unit: 'share',
          queries: [
            {
              expr: `max by (instance) (${collector('otelcol_exporter_queue_size')} / ${collector('otelcol_exporter_queue_capacity')})`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Memory of the Collector',
          description: 'Resident memory. Its memory limiter refuses spans from 400 MiB on.',
          unit: 'bytes',
          queries: [{ expr: collector('otelcol_process_memory_rss'), legend: '{{instance}}' }],
        },
      ],
    },
  ],
};
