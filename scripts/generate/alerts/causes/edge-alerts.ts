import type { CauseAlert } from '../cause-alert.ts';
import { i1 } from './instance.ts';

const requests = 'http_server_request_duration_seconds_count{job="volwatch",http_route!~"/health.*"}';
const now = `sum(rate(${requests}[5m]))`;
const hourBefore = `sum(rate(${requests}[1h] offset 10m))`;

/** Causes in front of the service, which it cannot count itself. */
export const edgeAlerts: readonly CauseAlert[] = [
  {
    alert: 'ProbeFailing',
    expr: 'max by (check) (max_over_time(probe_success{job="probe"}[1m])) == 0',
    for: '1m',
    severity: 'page',
    summary: 'the check {{ $labels.check }} from outside has failed for two minutes ({{ $value }} of 1)',
    description: 'A request through the proxy, as callers send it, gets no answer or a wrong one.',
    proof: {
      series: { 'probe_success{job="probe",check="read"}': '1x10 0x10 1x20' },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { check: 'read' },
      summary: 'the check read from outside has failed for two minutes (0 of 1)',
    },
  },
  {
    alert: 'TrafficStopped',
    // Below one request per second in the hour before, a pause says nothing.
    expr: `${now} < 0.05 * (${hourBefore} > 1)`,
    for: '2m',
    severity: 'page',
    summary: 'requests fell to {{ $value | humanize }} per second, below 5 % of the hour before',
    description:
      'Callers cannot reach the service, or have stopped together: the name, the network, the proxy, a load test.',
    proof: {
      series: {
        [`http_server_request_duration_seconds_count{${i1},http_route="/api/v1/assets"}`]: '0+600x80 48000x90',
        // Health checks go on.
        [`http_server_request_duration_seconds_count{${i1},http_route="/health/live"}`]: '0+600x170',
      },
      quiet: 80,
      fires: 90,
      over: 160,
      labels: {},
      summary: 'requests fell to 0 per second, below 5 % of the hour before',
    },
  },
];
