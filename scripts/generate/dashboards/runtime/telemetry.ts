import { highest, of, sumRate, type RowSpec } from '../spec.ts';

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
          expr: highest(sumRate(of('volwatch_telemetry_dropped_total'), 'signal, reason'), 'signal, reason'),
          legend: '{{signal}} {{reason}}',
        },
      ],
      alerts: ['TelemetryDropped'],
    },
    {
      id: 32,
      kind: 'bars',
      title: 'Scrapes that did not wait',
      description:
        'Scrapes that did not wait for all gauges, because PostgreSQL or another source of them did not answer in time. These gauges keep their last value. All scrapes of a minute are 4 for each instance.',
      unit: 'count',
      queries: [
        {
          expr: `sum by (instance) (increase(${of('volwatch_metrics_late_collections_total')}[$__interval]))`,
          legend: '{{instance}}',
        },
      ],
      stacked: true,
    },
    {
      id: 31,
      kind: 'bars',
      title: 'Injected faults',
      description: 'Injected faults that had an effect, by point and mode: an outage may be a test.',
      unit: 'count',
      queries: [
        {
          expr: `sum by (point, mode) (increase(${of('volwatch_faults_injected_total')}[$__interval])) > 0`,
          legend: '{{point}} {{mode}}',
        },
      ],
      // One batch can have thousands of faults, another point two.
      logarithmic: true,
    },
  ],
};
