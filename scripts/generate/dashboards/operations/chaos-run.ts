import { highest, of, ofRoutes, quantile, share, sumRate, type DashboardSpec } from '../spec.ts';

const requests = 'http_server_request_duration_seconds';

export const chaosRun: DashboardSpec = {
  uid: 'volwatch-chaos',
  file: 'chaos-run',
  title: 'Volwatch / Chaos run',
  description: 'One fault on one page: what was injected, what callers got, which protection acted, and the return.',
  from: 'now-15m',
  rows: [
    {
      title: 'The fault',
      panels: [
        {
          id: 1,
          kind: 'timeseries',
          title: 'Faults by point and mode',
          description: 'Injected faults that had an effect, per second, of the eight points with the most.',
          unit: 'events/s',
          queries: [
            {
              expr: highest(sumRate(of('volwatch_faults_injected_total'), 'point, mode'), 'point, mode'),
              legend: '{{point}} {{mode}}',
            },
          ],
        },
        {
          id: 2,
          kind: 'states',
          title: 'Dependencies',
          description: 'What the service sees of its dependencies during the fault.',
          unit: 'state',
          queries: [
            { expr: `min by (dependency) (${of('volwatch_dependency_up')})`, legend: '{{dependency}}' },
            { expr: `min by (pool) (${of('volwatch_replica_up')})`, legend: '{{pool}}' },
          ],
        },
      ],
    },
    {
      title: 'What callers get',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Answers by status',
          description:
            'Requests per second by status, of the eight most frequent. A drop of the sum means that callers wait or are not connected.',
          unit: 'requests/s',
          queries: [
            {
              expr: highest(
                sumRate(ofRoutes(`${requests}_count`), 'http_response_status_code'),
                'http_response_status_code',
              ),
              legend: '{{http_response_status_code}}',
            },
          ],
          stacked: true,
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Error rate',
          description:
            'Share of answers that are 5xx, of the eight routes with the most. Routes that need nothing of the fault stay at 0.',
          unit: 'share',
          queries: [
            {
              expr: highest(
                share(
                  ofRoutes(`${requests}_count`, 'http_response_status_code=~"5.."'),
                  ofRoutes(`${requests}_count`),
                  'http_route',
                ),
                'http_route',
              ),
              legend: '{{http_route}}',
            },
          ],
        },
        {
          id: 12,
          kind: 'timeseries',
          title: 'Duration at p99',
          description: 'p99 of all requests: a timeout shows as a step, a queue as a slope.',
          unit: 'seconds',
          queries: [{ expr: quantile(0.99, ofRoutes(`${requests}_bucket`)), legend: 'p99' }],
          exemplars: true,
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Error codes',
          description:
            'Problem documents per second by code, of the eight most frequent. The code names the fault, or it should.',
          unit: 'events/s',
          queries: [{ expr: highest(sumRate(of('volwatch_errors_total'), 'code'), 'code'), legend: '{{code}}' }],
        },
      ],
    },
    {
      title: 'Which protection acts',
      panels: [
        {
          id: 20,
          kind: 'states',
          title: 'Breakers',
          description: 'State of the breaker of each dependency, the worst of all instances.',
          unit: 'state',
          queries: [
            { expr: `max by (dependency) (${of('volwatch_circuit_breaker_state')})`, legend: '{{dependency}}' },
          ],
          states: [
            { value: 0, text: 'Closed', color: 'green' },
            { value: 1, text: 'Probing', color: 'yellow' },
            { value: 2, text: 'Open', color: 'red' },
          ],
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'Shed requests and rollbacks',
          description: 'Requests that were refused because of load, and units of work that rolled back, per second.',
          unit: 'events/s',
          queries: [
            { expr: sumRate(of('volwatch_load_shed_total'), 'reason'), legend: 'shed: {{reason}}' },
            {
              expr: `sum by (reason) (rate(${of('volwatch_db_transactions_total', 'outcome="rolled_back"')}[$__rate_interval])) > 0`,
              legend: 'rolled back: {{reason}}',
            },
          ],
        },
      ],
    },
  ],
};
