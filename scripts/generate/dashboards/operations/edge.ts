import { highest, sumRate, sumRateOrZero as orZero, type DashboardSpec } from '../spec.ts';

const probe = (metric: string, labels = ''): string => `${metric}{job="probe"${labels}}`;
const proxy = (metric: string, labels = ''): string => `${metric}{job="proxy"${labels}}`;
const requests = 'http_server_request_duration_seconds_count';
const served = `${requests}{job="volwatch",instance=~"$instance",http_route!~"/health.*"}`;
// The server of deploy/Caddyfile that users reach. The other one answers Prometheus only.
const ofProxy = 'caddy_http_request_duration_seconds';
const passed = ',server="public",handler="subroute"';

export const edge: DashboardSpec = {
  uid: 'volwatch-edge',
  file: 'edge',
  title: 'Volwatch / Edge',
  description: 'What callers get in front of the service: checks from outside, the proxy, and traffic that stops.',
  rows: [
    {
      title: 'Checks from outside',
      panels: [
        {
          id: 1,
          kind: 'states',
          title: 'Checks from outside',
          description:
            'Requests through the proxy, as callers send them. Down: no answer within 5 s, another status than 200, or a wrong body.',
          unit: 'state',
          queries: [{ expr: probe('probe_success'), legend: '{{check}}' }],
          alerts: ['ProbeFailing'],
        },
        {
          id: 2,
          kind: 'states',
          title: 'Status of the answers',
          description: 'The status that each check got. None: no connection, or no answer within 5 s.',
          unit: 'state',
          queries: [{ expr: `floor(${probe('probe_http_status_code')} / 100)`, legend: '{{check}}' }],
          states: [
            { value: 0, text: 'None', color: 'red' },
            { value: 2, text: '2xx', color: 'green' },
            { value: 3, text: '3xx', color: 'blue' },
            { value: 4, text: '4xx', color: 'yellow' },
            { value: 5, text: '5xx', color: 'red' },
          ],
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Duration of checks by phase',
          description:
            'Where the time of a check goes: name, connection, TLS, processing in the proxy and the service, transfer.',
          unit: 'seconds',
          queries: [{ expr: probe('probe_http_duration_seconds'), legend: '{{check}} {{phase}}' }],
          width: 24,
          height: 10,
        },
      ],
    },
    {
      title: 'Proxy',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Answers of the proxy by status',
          description:
            'Requests per second that the proxy answered, by status. A 502 or 503 here that the service does not count is one that no instance saw.',
          unit: 'requests/s',
          queries: [{ expr: sumRate(proxy(`${ofProxy}_count`, passed), 'code'), legend: '{{code}}' }],
          stacked: true,
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Server errors: proxy and service',
          description:
            'Answers with 5xx per second, as the proxy and as the service count them. The distance is what callers get and the service never sees.',
          unit: 'requests/s',
          queries: [
            {
              expr: orZero(proxy(`${ofProxy}_count`, `${passed},code=~"5.."`), proxy(`${ofProxy}_count`, passed)),
              legend: 'proxy',
            },
            {
              expr: orZero(
                `${requests}{job="volwatch",http_response_status_code=~"5..",http_route!~"/health.*"}`,
                served,
              ),
              legend: 'service',
            },
          ],
        },
        {
          id: 12,
          kind: 'states',
          title: 'Instances as the proxy sees them',
          description: 'Down: the instance does not answer the health check of the proxy, so it gets no requests.',
          unit: 'state',
          queries: [{ expr: proxy('caddy_reverse_proxy_upstreams_healthy'), legend: '{{upstream}}' }],
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Requests in progress in the proxy',
          description: 'Requests that the proxy has accepted and not answered yet. A rise at a steady rate is a queue.',
          unit: 'count',
          queries: [{ expr: `sum by (handler) (${proxy('caddy_http_requests_in_flight')})`, legend: '{{handler}}' }],
        },
      ],
    },
    {
      title: 'Traffic',
      panels: [
        {
          id: 20,
          kind: 'timeseries',
          title: 'Requests now and in the hour before',
          description:
            'Requests per second over 5 minutes, and their mean in the hour before. Below 5 % of that mean an alert fires.',
          unit: 'requests/s',
          queries: [
            { expr: `sum(rate(${served}[5m]))`, legend: 'now' },
            { expr: `sum(rate(${served}[1h] offset 10m))`, legend: 'mean of the hour before' },
          ],
          alerts: ['TrafficStopped'],
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'Requests by instance',
          description:
            'Requests per second of each instance. One that gets none while the others do is left out by the proxy.',
          unit: 'requests/s',
          queries: [{ expr: highest(sumRate(served, 'instance'), 'instance'), legend: '{{instance}}' }],
          stacked: true,
        },
      ],
    },
  ],
};
