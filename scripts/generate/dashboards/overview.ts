import { budgetOf, findSlo, limitOf, sloDocument, spentRecord } from '../slo/slo.ts';
import { burnRate } from './operations/service-levels.ts';
import { highest, of, ofRoutes, others, quantile, share, sumRate, type DashboardSpec } from './spec.ts';

const requests = 'http_server_request_duration_seconds';
const routeOf = 'http_request_method, http_route';
const routeLegend = '{{http_request_method}} {{http_route}}';

/** The remaining error budget of each level over the window. 1 is the full budget; below 0 the level is broken. */
const budgetLeft = sloDocument.slos.map((slo) => ({
  expr: `clamp_min(1 - ${spentRecord}{slo="${slo.name}"}, -1)`,
  legend: slo.name,
}));

const over5m = (metric: string, labels?: string): string => `rate(${ofRoutes(`${requests}_${metric}`, labels)}[5m])`;
const rateOfRoutes = `sum by (${routeOf}) (${over5m('count')})`;
const routeColumns = [
  { name: 'rate', unit: 'requests/s', expr: `${rateOfRoutes} > 0` },
  {
    name: '5xx',
    unit: 'share',
    expr: `(sum by (${routeOf}) (${over5m('count', 'http_response_status_code=~"5.."')}) or 0 * ${rateOfRoutes}) / (${rateOfRoutes} > 0)`,
  },
  ...[0.5, 0.95, 0.99].map((q) => ({
    name: `p${q * 100}`,
    unit: 'seconds' as const,
    expr: `histogram_quantile(${q}, sum by (le, ${routeOf}) (${over5m('bucket')})) > 0`,
  })),
] as const;

const rateByRoute = sumRate(ofRoutes(`${requests}_count`), routeOf);
const shareOfStatus = (status: string): string =>
  share(ofRoutes(`${requests}_count`, `http_response_status_code${status}`), ofRoutes(`${requests}_count`), routeOf);

export const overview: DashboardSpec = {
  uid: 'volwatch-overview',
  file: 'service-overview',
  title: 'Volwatch / Service overview',
  description: 'Start here: are the service levels kept, which route fails or is slow, and why.',
  rows: [
    {
      title: 'Service levels',
      panels: [
        {
          id: 1,
          kind: 'stat',
          title: `Error budget left of ${sloDocument.window}`,
          description: `Share of the ${sloDocument.window} budget of each level in slo.yaml that is unspent. At 0 the level is broken: stop risky changes. The lowest value shown is -100 %. The dashboard *Service levels* has the trend.`,
          unit: 'share',
          queries: budgetLeft,
          lowIsBad: true,
          thresholds: [
            { value: 0, color: 'yellow' },
            { value: 0.5, color: 'green' },
          ],
          width: 24,
        },
        {
          id: 2,
          kind: 'timeseries',
          title: 'Burn rate of error budgets',
          description:
            'Burn rate over 1 h. At 1 the budget lasts exactly its window; 6 and 14.4 page, 1 and 3 over longer windows open a ticket.',
          unit: 'rate',
          queries: [{ expr: burnRate('1h'), legend: '{{slo}}' }],
          thresholds: [
            { value: 1, color: 'yellow' },
            { value: 6, color: 'orange' },
            { value: 14.4, color: 'red' },
          ],
          logarithmic: true,
        },
        {
          id: 3,
          kind: 'states',
          title: 'Firing alerts',
          description:
            'Alerts of Prometheus. Red wakes somebody, yellow waits for the morning. A click leads to the runbook.',
          unit: 'state',
          queries: [
            {
              expr: 'max by (alertname, severity) (ALERTS{alertstate="firing",severity="page"}) + 1',
              legend: '{{alertname}} {{severity}}',
            },
            {
              expr: 'max by (alertname, severity) (ALERTS{alertstate="firing",severity="ticket"})',
              legend: '{{alertname}} {{severity}}',
            },
          ],
          states: [
            { value: 1, text: 'Ticket', color: 'yellow' },
            { value: 2, text: 'Page', color: 'red' },
          ],
          link: { title: 'Runbook', url: `${sloDocument.links.runbooks}/\${__field.labels.alertname}.md` },
        },
      ],
    },
    {
      title: 'Rate, errors, duration',
      panels: [
        {
          id: 17,
          kind: 'table',
          title: 'Routes',
          description:
            'Rate, share of 5xx and durations of each route over 5 minutes, the busiest first. The levels: availability, pricing_latency and read_latency of slo.yaml.',
          unit: 'count',
          queries: routeColumns.map(({ expr }) => ({ expr, legend: routeLegend })),
          columns: routeColumns,
          width: 24,
          height: 12,
        },
        {
          id: 10,
          kind: 'timeseries',
          title: 'Request rate by route',
          description: 'Requests per second of the eight busiest routes and of all others, without health checks.',
          unit: 'requests/s',
          queries: [
            { expr: highest(rateByRoute, routeOf), legend: routeLegend },
            { expr: others(rateByRoute, routeOf), legend: 'all others' },
          ],
          stacked: true,
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Error rate by route',
          description:
            'Share of answers that are 5xx, of the eight routes with the most. The line is the availability budget.',
          unit: 'share',
          queries: [
            {
              expr: highest(shareOfStatus('=~"5.."'), routeOf),
              legend: routeLegend,
            },
          ],
          thresholds: [{ value: budgetOf(findSlo('availability')), color: 'red' }],
          alerts: ['ServerErrorsByRoute'],
        },
        {
          id: 12,
          kind: 'timeseries',
          title: 'Duration at p99 by route',
          description:
            'p99 of the eight slowest routes; each point opens the trace of one such request. The lines are the levels of pricing and of reads.',
          unit: 'seconds',
          queries: [
            {
              expr: highest(quantile(0.99, ofRoutes(`${requests}_bucket`), routeOf), routeOf),
              legend: routeLegend,
            },
          ],
          thresholds: [
            { value: limitOf('pricing_latency') / 1_000, color: 'yellow' },
            { value: limitOf('read_latency') / 1_000, color: 'red' },
          ],
          exemplars: true,
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Errors by category',
          description:
            'Problem documents and failed refreshes per second, for the eight most frequent categories of the error table.',
          unit: 'events/s',
          queries: [
            {
              expr: highest(sumRate(of('volwatch_errors_total'), 'category'), 'category'),
              legend: '{{category}}',
            },
          ],
          stacked: true,
        },
        {
          id: 14,
          kind: 'table',
          title: 'Most frequent error codes',
          description:
            'Codes of the last hour by route; without a route: failed refreshes. Logs, spans and runbooks have the same codes.',
          unit: 'count',
          queries: [
            {
              expr: `topk(15, sum by (code, http_route) (increase(${of('volwatch_errors_total')}[1h])) > 0)`,
              legend: '{{code}} {{http_route}}',
            },
          ],
          valueName: 'errors in 1 h',
        },
        {
          id: 15,
          kind: 'timeseries',
          title: 'Share of 422 by route',
          description:
            'Share of answers that are 422, of the eight routes with the most: a client that broke, or a release of ours that did.',
          unit: 'share',
          queries: [
            {
              expr: highest(shareOfStatus('="422"'), routeOf),
              legend: routeLegend,
            },
          ],
          thresholds: [{ value: 0.2, color: 'yellow' }],
          thresholdSource: 'alerts/rules/causes.yml',
          alerts: ['InvalidRequestsByRoute'],
        },
        {
          id: 18,
          kind: 'heatmap',
          title: 'Requests by duration',
          description:
            'Requests per second in each bucket of duration; the darker, the more. Two bands are two kinds of answers, which a percentile hides.',
          unit: 'requests/s',
          queries: [{ expr: sumRate(ofRoutes(`${requests}_bucket`), 'le'), legend: '{{le}}' }],
        },
        {
          id: 16,
          kind: 'table',
          title: 'Requests to deprecated routes',
          description:
            'Requests of the last day by route and kind of caller. A route can be removed after its sunset when nobody calls it. No rows: no route is deprecated.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (http_request_method, http_route, caller) (increase(${of('volwatch_deprecated_requests_total')}[1d]))`,
              legend: '{{http_request_method}} {{http_route}} {{caller}}',
            },
          ],
          valueName: 'requests in 1 d',
        },
      ],
    },
    {
      title: 'Saturation',
      panels: [
        {
          id: 20,
          kind: 'timeseries',
          title: 'Requests in progress',
          description: 'Requests accepted and not answered yet; a rise at a steady rate means that something waits.',
          unit: 'count',
          queries: [{ expr: `sum by (instance) (${of('http_server_active_requests')})`, legend: '{{instance}}' }],
        },
        {
          id: 24,
          kind: 'timeseries',
          title: 'Refused connections by reason',
          description:
            'Connections refused per second, because their address, their site or the process has too many. Evicted: idle ones closed in favour of new ones.',
          unit: 'events/s',
          queries: [
            { expr: sumRate(of('volwatch_http_connections_refused_total'), 'reason'), legend: '{{reason}}' },
            { expr: sumRate(of('volwatch_http_connections_evicted_total')), legend: 'evicted' },
          ],
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'Processor use by instance',
          description: 'Cores in use by each process. One is all that a single event loop can use; workers add theirs.',
          unit: 'rate',
          queries: [
            {
              expr: sumRate(of('process_cpu_seconds_total'), 'instance'),
              legend: '{{instance}}',
            },
          ],
        },
        {
          id: 23,
          kind: 'timeseries',
          title: 'Requests shed by reason',
          description:
            'The eight most frequent by class of route and reason, per second: too many in progress, or an event loop that runs late.',
          unit: 'requests/s',
          queries: [
            {
              expr: highest(sumRate(of('volwatch_load_shed_total'), 'load_class, reason'), 'load_class, reason'),
              legend: '{{load_class}} {{reason}}',
            },
          ],
          stacked: true,
          width: 24,
        },
        {
          id: 22,
          kind: 'states',
          title: 'Instance health',
          description: '1 while Prometheus can scrape the instance.',
          unit: 'state',
          queries: [{ expr: 'up{job="volwatch"}', legend: '{{instance}}' }],
          lowIsBad: true,
          thresholds: [{ value: 1, color: 'green' }],
          thresholdSource: 'alerts/rules/causes.yml',
          alerts: ['InstanceDown'],
        },
      ],
    },
  ],
};
