import { abusePersists } from './abuse-alert.ts';
import type { CauseAlert } from './cause-alert.ts';

const i1 = 'job="volwatch",instance="a:9464"';
const one = { job: 'volwatch', instance: 'a:9464' };
const requests = 'http_server_request_duration_seconds_count';
const pool = 'db_client_connection';
const deliveries = 'volwatch_webhook_deliveries_total';
const failing = `${deliveries}{job="volwatch",outcome=~"failed|dead"}`;

const ratioByRoute = (status: string): string =>
  `sum by (http_route) (rate(${requests}{job="volwatch",http_response_status_code="${status}",http_route!~"/health.*"}[5m])) / sum by (http_route) (rate(${requests}{job="volwatch",http_route!~"/health.*"}[5m]))`;
const routeProof = (status: string) => ({
  [`${requests}{${i1},http_route="/api/v1/assets",http_response_status_code="200"}`]: '0+60x40',
  [`${requests}{${i1},http_route="/api/v1/assets",http_response_status_code="${status}"}`]: '0+0x10 0+60x10 600x20',
});

export const causeAlerts: readonly CauseAlert[] = [
  {
    alert: 'InstanceDown',
    expr: 'up{job="volwatch"} == 0',
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.instance }} has not answered a scrape for a minute',
    description: 'The process is gone, or its admin port is. The other instances carry its requests.',
    proof: {
      series: { [`up{${i1}}`]: '1x10 0x10 1x20' },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: one,
      summary: 'a:9464 has not answered a scrape for a minute',
    },
  },
  ...(['postgres', 'redis'] as const).map((dependency): CauseAlert => {
    const required = dependency === 'postgres';
    const name = required ? 'PostgreSQL' : 'Redis';
    return {
      alert: required ? 'PostgresDown' : 'RedisDown',
      expr: `volwatch_dependency_up{job="volwatch",dependency="${dependency}"} == 0`,
      for: '1m',
      severity: required ? 'page' : 'ticket',
      summary: `${name} does not answer the health check of {{ $labels.instance }}`,
      description: required
        ? 'Everything but pricing answers 503, and refreshes fail; committed data are safe.'
        : 'Limits and caches live in each process: limits are looser by the number of instances, nothing fails.',
      proof: {
        series: { [`volwatch_dependency_up{${i1},dependency="${dependency}"}`]: '1x10 0x10 1x20' },
        quiet: 5,
        fires: 15,
        over: 22,
        labels: { ...one, dependency },
        summary: `${name} does not answer the health check of a:9464`,
      },
    };
  }),
  {
    alert: 'ReplicaDown',
    expr: 'volwatch_replica_up{job="volwatch"} == 0',
    for: '1m',
    severity: 'ticket',
    summary: '{{ $labels.instance }} does not read from replica {{ $labels.pool }}',
    description: 'It does not answer or is too far behind. The primary answers its reads.',
    proof: {
      series: { [`volwatch_replica_up{${i1},pool="replica_1"}`]: '1x10 0x10 1x20' },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { ...one, pool: 'replica_1' },
      summary: 'a:9464 does not read from replica replica_1',
    },
  },
  {
    alert: 'PoolSaturated',
    expr: `sum by (instance, pool) (${pool}_count{job="volwatch",state="used"}) / sum by (instance, pool) (${pool}_max{job="volwatch"}) > 0.9`,
    for: '2m',
    severity: 'ticket',
    summary:
      '{{ $value | humanizePercentage }} of the connections of pool {{ $labels.pool }} on {{ $labels.instance }} are in use',
    description: 'The next request waits for a connection, and gives up after DATABASE_ACQUIRE_TIMEOUT_MS with 503.',
    proof: {
      series: {
        [`${pool}_count{${i1},pool="primary",state="used"}`]: '3x10 10x10 3x20',
        [`${pool}_max{${i1},pool="primary"}`]: '10x40',
      },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { instance: 'a:9464', pool: 'primary' },
      summary: '100% of the connections of pool primary on a:9464 are in use',
    },
  },
  {
    alert: 'PoolRequestsWaiting',
    expr: `sum by (instance, pool) (rate(${pool}_timeouts_total{job="volwatch"}[2m])) > 0 or sum by (instance, pool) (min_over_time(${pool}_pending_requests{job="volwatch"}[1m])) > 0`,
    for: '30s',
    severity: 'page',
    summary:
      'requests on {{ $labels.instance }} wait for a connection of pool {{ $labels.pool }} ({{ $value | humanize }})',
    description:
      'The value is requests per second that gave up with 503 database_pool_exhausted, or else requests waiting for a minute.',
    proof: {
      series: {
        [`${pool}_timeouts_total{${i1},pool="primary"}`]: '0x40',
        [`${pool}_pending_requests{${i1},pool="primary"}`]: '0x10 4x10 0x20',
      },
      quiet: 5,
      fires: 15,
      over: 25,
      labels: { instance: 'a:9464', pool: 'primary' },
      summary: 'requests on a:9464 wait for a connection of pool primary (4)',
    },
  },
  {
    alert: 'BreakerOpen',
    expr: 'volwatch_circuit_breaker_state{job="volwatch"} == 2',
    for: '30s',
    severity: 'ticket',
    summary: 'the breaker of {{ $labels.dependency }} on {{ $labels.instance }} is open',
    description:
      'Calls to it are refused at once; fallbacks answer where there is one, 503 external_api_unavailable where not.',
    proof: {
      series: { [`volwatch_circuit_breaker_state{${i1},dependency="twelve_data"}`]: '0x10 2x10 0x20' },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { ...one, dependency: 'twelve_data' },
      summary: 'the breaker of twelve_data on a:9464 is open',
    },
  },
  {
    alert: 'LimiterFellBackToMemory',
    expr: 'sum by (instance) (rate(volwatch_rate_limit_decisions_total{job="volwatch",backend="memory"}[2m])) > 0 and on (instance) sum by (instance) (volwatch_rate_limit_decisions_total{job="volwatch",backend="redis"}) > 0',
    for: '30s',
    severity: 'ticket',
    summary: '{{ $labels.instance }} takes {{ $value | humanize }} rate limit decisions per second in its own memory',
    description:
      'Redis is configured and was used, but does not answer: each instance counts for itself until it does.',
    proof: {
      series: {
        [`volwatch_rate_limit_decisions_total{${i1},policy="ip",subject="ip",outcome="allowed",backend="redis"}`]:
          '0+60x10 600x30',
        [`volwatch_rate_limit_decisions_total{${i1},policy="ip",subject="ip",outcome="allowed",backend="memory"}`]:
          '0x10 0+60x10 600x20',
      },
      quiet: 5,
      fires: 15,
      over: 25,
      labels: { instance: 'a:9464' },
      summary: 'a:9464 takes 1 rate limit decisions per second in its own memory',
    },
  },
  {
    alert: 'RefreshStale',
    expr: 'time() - max by (universe) (volwatch_refresh_last_success_timestamp_seconds{job="volwatch"}) > 36 * 3600',
    for: '5m',
    severity: 'ticket',
    summary: 'universe {{ $labels.universe }} was refreshed {{ $value | humanizeDuration }} ago',
    description: 'A scheduled refresh was missed. At twice the schedule the freshness level is broken.',
    proof: {
      // Minute 30 is the 1,800th second: last refreshed 36 h before that, and once more at minute 50.
      series: { [`volwatch_refresh_last_success_timestamp_seconds{${i1},universe="tech5"}`]: '-127800x50 3000x20' },
      quiet: 20,
      fires: 40,
      over: 55,
      labels: { universe: 'tech5' },
      summary: 'universe tech5 was refreshed 1d 12h 10m 0s ago',
    },
  },
  {
    alert: 'RollbackRate',
    expr: 'sum by (operation) (increase(volwatch_db_transactions_total{job="volwatch",outcome="rolled_back"}[10m])) / sum by (operation) (increase(volwatch_db_transactions_total{job="volwatch"}[10m])) > 0.001 and sum by (operation) (increase(volwatch_db_transactions_total{job="volwatch",outcome="rolled_back"}[10m])) >= 2',
    for: '1m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of {{ $labels.operation }} roll back',
    description:
      'Two or more in ten minutes and over the 0.1 % line. Nothing half-written remains; the reason label says why.',
    proof: {
      series: {
        [`volwatch_db_transactions_total{${i1},operation="refresh.apply",outcome="committed",reason=""}`]: '0+1x40',
        [`volwatch_db_transactions_total{${i1},operation="refresh.apply",outcome="rolled_back",reason="database_unavailable"}`]:
          '0x10 0+1x10 10x30',
      },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: { operation: 'refresh.apply' },
      summary: '47.37% of refresh.apply roll back',
    },
  },
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
  {
    alert: 'PricesQuarantined',
    expr: 'sum by (universe) (increase(volwatch_prices_quarantined_total{job="volwatch"}[15m])) > 0',
    for: '0s',
    severity: 'ticket',
    summary: '{{ $value | humanize }} prices of {{ $labels.universe }} were held back within 15 minutes',
    description:
      'They moved further than PRICE_QUARANTINE_FACTOR allows and are not stored: a split, or a fault of the provider.',
    proof: {
      series: { [`volwatch_prices_quarantined_total{${i1},universe="tech5"}`]: '0x10 0+1x10 10x30' },
      quiet: 5,
      fires: 20,
      over: 45,
      labels: { universe: 'tech5' },
      summary: '9 prices of tech5 were held back within 15 minutes',
    },
  },
  {
    alert: 'JobsDying',
    expr: 'sum by (queue) (increase(volwatch_jobs_total{job="volwatch",queue!="webhook_delivery",outcome="dead"}[15m])) > 0',
    for: '0s',
    severity: 'ticket',
    summary: '{{ $value | humanize }} jobs of queue {{ $labels.queue }} used up their attempts in 15 minutes',
    description: 'They wait in the dead-letter queue and are not tried again by themselves.',
    proof: {
      series: { [`volwatch_jobs_total{${i1},queue="refresh",outcome="dead"}`]: '0x10 0+1x15 15x30' },
      quiet: 5,
      fires: 25,
      over: 45,
      labels: { queue: 'refresh' },
      summary: '14 jobs of queue refresh used up their attempts in 15 minutes',
    },
  },
  {
    alert: 'WebhookDeliveriesFailing',
    expr: `sum(increase(${failing}[10m])) / sum(increase(${deliveries}{job="volwatch"}[10m])) > 0.5 and sum(increase(${failing}[10m])) >= 8`,
    for: '5m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of the attempts at webhook deliveries fail',
    description:
      'More than half of ten minutes, and more than one failing delivery makes: the way out is broken, or busy receivers are.',
    proof: {
      series: {
        [`${deliveries}{${i1},outcome="delivered"}`]: '0+1x40',
        [`${deliveries}{${i1},outcome="failed"}`]: '0x10 0+6x10 60x20',
      },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: {},
      summary: '84.38% of the attempts at webhook deliveries fail',
    },
  },
  {
    alert: 'TelemetryDropped',
    expr: 'sum by (instance, signal, reason) (rate(volwatch_telemetry_dropped_total{job="volwatch"}[5m])) > 0',
    for: '1m',
    severity: 'ticket',
    summary:
      '{{ $labels.instance }} drops {{ $value | humanize }} {{ $labels.signal }} per second ({{ $labels.reason }})',
    description: 'The Collector does not take what the service sends. Requests are not affected; traces have gaps.',
    proof: {
      series: {
        [`volwatch_telemetry_dropped_total{${i1},signal="traces",reason="export_failed"}`]: '0x10 0+60x10 600x20',
      },
      quiet: 5,
      fires: 18,
      over: 30,
      labels: { instance: 'a:9464', signal: 'traces', reason: 'export_failed' },
      summary: 'a:9464 drops 1 traces per second (export_failed)',
    },
  },
  abusePersists,
];
