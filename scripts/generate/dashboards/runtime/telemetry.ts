import { of, rate, sumRate, type RowSpec } from '../spec.ts';

/** Lost telemetry, which the other dashboards cannot show. */
export const telemetry: RowSpec = {
  title: 'Telemetry itself',
  panels: [
    {
      id: 30,
      kind: 'timeseries',
      title: 'Lost spans and log lines',
      description:
        'Spans, data points of metrics over OTLP and log lines dropped per second, by reason: what this dashboard cannot show is missing here.',
      unit: 'events/s',
      queries: [
        {
          expr: sumRate(of('volwatch_telemetry_dropped_total'), 'signal, reason'),
          legend: '{{signal}} {{reason}}',
        },
      ],
      alerts: ['TelemetryDropped'],
    },
    {
      id: 31,
      kind: 'timeseries',
      title: 'Injected faults',
      description: 'Injected faults that had an effect, per second: an outage may be a test.',
      unit: 'events/s',
      queries: [
        {
          expr: `sum by (point, mode) (${rate(of('volwatch_faults_injected_total'))}) > 0`,
          legend: '{{point}} {{mode}}',
        },
      ],
    },
  ],
};
