import type { CauseAlert } from '../cause-alert.ts';
import { i1 } from './instance.ts';

const requests = 'http_server_request_duration_seconds_count';
const ratioByRoute = (status: string): string =>
  `sum by (http_route) (rate(${requests}{job="volwatch",http_response_status_code="${status}",http_route!~"/health.*"}[5m])) / sum by (http_route) (rate(${requests}{job="volwatch",http_route!~"/health.*"}[5m]))`;
const routeProof = (status: string) => ({
  [`${requests}{${i1},http_route="/api/v1/assets",http_response_status_code="200"}`]: '0+60x40',
  [`${requests}{${i1},http_route="/api/v1/assets",http_response_status_code="${status}"}`]: '0+0x10 0+60x10 600x20',
});

/** Causes that callers notice in the answers of a route. */
export const requestAlerts: readonly CauseAlert[] = [
  {
    alert: 'ServerErrorsByRoute',
    expr: `${ratioByRoute('500')} > 0.05`,
    for: '1m',
    severity: 'page',
    summary: '{{ $value | humanizePercentage }} of the answers of {{ $labels.http_route }} are 500',
    description: 'A 500 is a defect of ours, never a dependency (502, 503, 504) and never the caller.',
    proof: {
      series: routeProof('500'),
      quiet: 8,
      fires: 18,
      over: 30,
      labels: { http_route: '/api/v1/assets' },
      summary: '50% of the answers of /api/v1/assets are 500',
    },
  },
  {
    alert: 'InvalidRequestsByRoute',
    expr: `${ratioByRoute('422')} > 0.2`,
    for: '5m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of the answers of {{ $labels.http_route }} are 422',
    description: 'A client sends what the schema refuses, or a release narrowed a schema.',
    proof: {
      series: routeProof('422'),
      quiet: 8,
      fires: 18,
      over: 30,
      labels: { http_route: '/api/v1/assets' },
      summary: '50% of the answers of /api/v1/assets are 422',
    },
  },
  {
    alert: 'WorkersRestarting',
    expr: 'sum by (instance) (increase(volwatch_workers_restarts_total{job="volwatch"}[10m])) > 2',
    for: '0s',
    severity: 'ticket',
    summary: '{{ $value | humanize }} pricing workers of {{ $labels.instance }} died within ten minutes',
    description: 'Batches that ran on them failed row by row; the pool started new ones.',
    proof: {
      series: { [`volwatch_workers_restarts_total{${i1}}`]: '0x10 0+1x10 10x30' },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: { instance: 'a:9464' },
      summary: '9 pricing workers of a:9464 died within ten minutes',
    },
  },
];
