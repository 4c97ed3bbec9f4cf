import { highest, of, ofRoutes, sumRate, type ColumnSpec, type DashboardSpec } from '../spec.ts';

const requests = 'http_server_request_duration_seconds';
const served = ofRoutes(`${requests}_count`);
const failed = ofRoutes(`${requests}_count`, 'http_response_status_code=~"5.."');
const buckets = ofRoutes(`${requests}_bucket`);
const by = 'instance';

const shareOf = (part: string, whole: string): string => `(${part} or 0 * ${whole}) / (${whole} > 0)`;
const over5m = (selector: string): string => `sum by (${by}) (rate(${selector}[5m]))`;

const versions = 'version, commit';
/** Each series with the version of its instance. A missed scrape must not look like a deploy. */
const ofVersion = (expr: string): string =>
  `${expr} * on (instance) group_left (${versions}) max by (instance, ${versions}) (last_over_time(volwatch_build_info{job="volwatch"}[1m]))`;
const versionRate = (selector: string): string =>
  `sum by (${versions}) (${ofVersion(`sum by (instance) (rate(${selector}[$__rate_interval]))`)})`;
const versionLegend = '{{version}} {{commit}}';

const columns: readonly (ColumnSpec & { readonly expr: string })[] = [
  { name: 'rate', unit: 'requests/s', expr: over5m(served) },
  {
    name: '5xx',
    unit: 'share',
    expr: shareOf(over5m(failed), over5m(served)),
    thresholds: [{ value: 0.001, color: 'red' }],
  },
  { name: 'p99', unit: 'seconds', expr: `histogram_quantile(0.99, sum by (le, ${by}) (rate(${buckets}[5m]))) > 0` },
  { name: 'cores', unit: 'rate', expr: over5m(of('process_cpu_seconds_total')) },
  { name: 'memory', unit: 'bytes', expr: `max by (${by}) (${of('process_resident_memory_bytes')})` },
  { name: 'loop lag p99', unit: 'seconds', expr: `max by (${by}) (${of('nodejs_eventloop_lag_p99_seconds')})` },
  { name: 'up for', unit: 'seconds', expr: `time() - max by (${by}) (${of('process_start_time_seconds')})` },
];

export const instances: DashboardSpec = {
  uid: 'volwatch-instances',
  file: 'instances',
  title: 'Volwatch / Instances and deploys',
  description: 'Is one instance different from the others, and is a new version worse than the one before.',
  rows: [
    {
      title: 'Now',
      panels: [
        {
          id: 1,
          kind: 'table',
          title: 'Instances',
          description:
            'Each instance over 5 minutes, the busiest first. One that differs from the others is the place to look.',
          unit: 'count',
          queries: columns.map(({ expr }) => ({ expr, legend: '{{instance}}' })),
          columns,
          width: 24,
          height: 7,
        },
        {
          id: 2,
          kind: 'table',
          title: 'Versions',
          description: 'How many instances run each version. Two rows: a deploy is going on, or did not end.',
          unit: 'count',
          queries: [{ expr: `count by (${versions}) (${of('volwatch_build_info')})`, legend: versionLegend }],
          valueName: 'instances',
          width: 24,
          height: 5,
        },
      ],
    },
    {
      title: 'By instance',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Request rate by instance',
          description: 'Requests per second. Equal lines: the proxy spreads them.',
          unit: 'requests/s',
          queries: [{ expr: highest(sumRate(served, by), by), legend: '{{instance}}' }],
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Error rate by instance',
          description:
            'Share of answers that are 5xx. One line above the others: that instance, not a dependency of all.',
          unit: 'share',
          queries: [{ expr: highest(shareOf(sumRate(failed, by), sumRate(served, by)), by), legend: '{{instance}}' }],
        },
        {
          id: 12,
          kind: 'timeseries',
          title: 'Duration at p99 by instance',
          description: 'p99 of all requests of each instance; each point opens the trace of one of them.',
          unit: 'seconds',
          queries: [
            {
              expr: highest(`histogram_quantile(0.99, sum by (le, ${by}) (rate(${buckets}[$__rate_interval])))`, by),
              legend: '{{instance}}',
            },
          ],
          exemplars: true,
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Processor use by instance',
          description: 'Cores in use by each process. One is all that one event loop can use.',
          unit: 'rate',
          queries: [{ expr: highest(sumRate(of('process_cpu_seconds_total'), by), by), legend: '{{instance}}' }],
        },
        {
          id: 14,
          kind: 'timeseries',
          title: 'Memory by instance',
          description:
            'Resident memory of each process. A steady rise of one instance alone is its history, not a leak of all.',
          unit: 'bytes',
          queries: [{ expr: `max by (${by}) (${of('process_resident_memory_bytes')})`, legend: '{{instance}}' }],
        },
        {
          id: 15,
          kind: 'timeseries',
          title: 'Connections in use by instance',
          description: 'Share of the connections of the primary pool that are in use.',
          unit: 'share',
          queries: [
            {
              expr: `sum by (${by}) (${of('db_client_connection_count', 'pool="primary",state="used"')}) / sum by (${by}) (${of('db_client_connection_max', 'pool="primary"')})`,
              legend: '{{instance}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Deploy comparison',
      panels: [
        {
          id: 20,
          kind: 'timeseries',
          title: 'Request rate by version',
          description: 'Requests per second by version and commit: how far a deploy has come.',
          unit: 'requests/s',
          queries: [{ expr: versionRate(served), legend: versionLegend }],
          stacked: true,
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'Error rate by version',
          description: 'Share of answers that are 5xx. If the new version is above the old one, go back.',
          unit: 'share',
          queries: [{ expr: shareOf(versionRate(failed), versionRate(served)), legend: versionLegend }],
        },
        {
          id: 22,
          kind: 'timeseries',
          title: 'Duration at p99 by version',
          description: 'p99 of all requests by version, with a cold start in the first minute.',
          unit: 'seconds',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (le, ${versions}) (${ofVersion(`sum by (le, instance) (rate(${buckets}[$__rate_interval]))`)}))`,
              legend: versionLegend,
            },
          ],
          exemplars: true,
        },
        {
          id: 23,
          kind: 'timeseries',
          title: 'Processor time of one request by version',
          description: 'Seconds of processor time for each request, with background work. The cost of a release.',
          unit: 'seconds',
          queries: [
            {
              expr: `${versionRate(of('process_cpu_seconds_total'))} / (${versionRate(served)} > 0)`,
              legend: versionLegend,
            },
          ],
        },
      ],
    },
  ],
};
