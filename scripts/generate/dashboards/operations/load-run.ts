import { highest, of, ofRoutes, quantile, sumRate, type DashboardSpec } from '../spec.ts';

const requests = 'http_server_request_duration_seconds';

/** What k6 sends with `-o experimental-prometheus-rw`: seconds, with native histograms. */
const sent = (by: string): string => `sum by (${by}) (rate(k6_http_reqs_total[$__rate_interval]))`;
const percentile = (q: number): string =>
  `histogram_quantile(${q}, sum(rate(k6_http_req_duration_seconds[$__rate_interval])))`;

export const loadRun: DashboardSpec = {
  uid: 'volwatch-load',
  file: 'load-run',
  title: 'Volwatch / Load run',
  description: 'A run of k6 beside what the service says of it: both must tell the same story.',
  from: 'now-15m',
  rows: [
    {
      title: 'Rate and failures',
      panels: [
        {
          id: 1,
          kind: 'timeseries',
          title: 'Requests of k6 and of the service',
          description:
            'Requests per second as k6 sends and as the service counts them. The distance is refused connections or other callers.',
          unit: 'requests/s',
          queries: [
            { expr: 'sum(rate(k6_http_reqs_total[$__rate_interval]))', legend: 'k6' },
            { expr: sumRate(ofRoutes(`${requests}_count`)), legend: 'service' },
          ],
        },
        {
          id: 2,
          kind: 'timeseries',
          title: 'Virtual users',
          description:
            'Users that k6 plays at the moment. With a constant arrival rate, more users at the same rate mean slower answers.',
          unit: 'count',
          queries: [{ expr: 'sum(k6_vus)', legend: 'users' }],
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Requests of k6 by status',
          description: 'Requests per second by status as k6 sees it. 0: no answer.',
          unit: 'requests/s',
          queries: [{ expr: sent('status'), legend: '{{status}}' }],
          stacked: true,
        },
        {
          id: 4,
          kind: 'timeseries',
          title: 'Failed checks',
          description: 'Share of the checks of k6 that failed. The threshold of a run is in load/thresholds.json.',
          unit: 'share',
          queries: [{ expr: '1 - avg(k6_checks_rate)', legend: 'failed' }],
        },
      ],
    },
    {
      title: 'Duration',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Duration as k6 measures it',
          description: 'Percentiles of all requests with network and waiting, which the service does not see.',
          unit: 'seconds',
          queries: [0.5, 0.95, 0.99].map((q) => ({ expr: percentile(q), legend: `p${q * 100}` })),
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Duration as the service measures it',
          description:
            'Percentiles of all requests. Far below those of k6: requests wait before the service begins with them.',
          unit: 'seconds',
          queries: [0.5, 0.95, 0.99].map((q) => ({
            expr: quantile(q, ofRoutes(`${requests}_bucket`)),
            legend: `p${q * 100}`,
          })),
          exemplars: true,
        },
      ],
    },
    {
      title: 'What limits it',
      panels: [
        {
          id: 20,
          kind: 'timeseries',
          title: 'Processor use under load',
          description: 'Cores in use by each instance. At one core the event loop is full.',
          unit: 'rate',
          queries: [
            { expr: highest(sumRate(of('process_cpu_seconds_total'), 'instance'), 'instance'), legend: '{{instance}}' },
          ],
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'Connections and waiting requests',
          description: 'Connections of the pools in use, and requests that wait for one.',
          unit: 'count',
          queries: [
            { expr: `sum by (pool) (${of('db_client_connection_count', 'state="used"')})`, legend: '{{pool}} in use' },
            { expr: `sum by (pool) (${of('db_client_connection_pending_requests')})`, legend: '{{pool}} waiting' },
          ],
        },
      ],
    },
  ],
};
