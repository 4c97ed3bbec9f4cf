import type { CauseAlert } from '../cause-alert.ts';
import { i1, i2, one } from './instance.ts';

const pool = 'db_client_connection';

/**
 * A state that is the same in every scrape of 30 s. A missed scrape would end the series for a moment, and `for` would
 * start again, so that an alert on the plain gauge never fires while the service is too busy to be scraped each time.
 */
const steady = (gauge: string, state: number): string =>
  `${state === 0 ? 'max' : 'min'}_over_time(${gauge}[30s]) == ${state}`;

/** Causes at the level of the instance and its dependencies: the instance itself, PostgreSQL, Redis, providers. */
export const dependencyAlerts: readonly CauseAlert[] = [
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
      expr: steady(`volwatch_dependency_up{job="volwatch",dependency="${dependency}"}`, 0),
      // Its consequences wait longer, so that it inhibits them before they are sent.
      for: required ? '15s' : '30s',
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
    expr: steady('volwatch_replica_up{job="volwatch"}', 0),
    for: '30s',
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
    expr: `sum by (instance, pool) (${pool}_count{job="volwatch",state="used"}) / sum by (instance, pool) (${pool}_max{job="volwatch"}) > 0.75`,
    for: '2m',
    severity: 'ticket',
    summary:
      '{{ $value | humanizePercentage }} of the connections of pool {{ $labels.pool }} on {{ $labels.instance }} are in use',
    description:
      'Transactions of requests hold at most four of five. The next one waits, and gives up after DATABASE_ACQUIRE_TIMEOUT_MS with 503.',
    proof: {
      series: {
        [`${pool}_count{${i1},pool="primary",state="used"}`]: '3x10 8x10 3x20',
        [`${pool}_max{${i1},pool="primary"}`]: '10x40',
      },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { instance: 'a:9464', pool: 'primary' },
      summary: '80% of the connections of pool primary on a:9464 are in use',
    },
  },
  {
    alert: 'PoolRequestsWaiting',
    expr: `sum by (instance, pool) (rate(${pool}_timeouts_total{job="volwatch"}[2m])) > 0 or sum by (instance, pool) (min_over_time(${pool}_pending_requests{job="volwatch"}[1m])) > 0`,
    for: '1m',
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
    expr: steady('volwatch_circuit_breaker_state{job="volwatch"}', 2),
    for: '15s',
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
    alert: 'RedisUseFailing',
    expr: `${steady('volwatch_redis_use_up{job="volwatch"}', 0)} and on (instance) volwatch_dependency_up{job="volwatch",dependency="redis"} == 1`,
    for: '30s',
    severity: 'ticket',
    summary: 'Redis does not carry out the commands of {{ $labels.use }} for {{ $labels.instance }}',
    description:
      'Redis answers, but refuses commands: no permission, a replica, out of memory, a part of a cluster down. The fall-back of the use replaces it.',
    proof: {
      series: {
        [`volwatch_redis_use_up{${i1},use="limits"}`]: '1x10 0x10 1x20',
        [`volwatch_dependency_up{${i1},dependency="redis"}`]: '1x40',
        // Not connected at all: RedisDown says so.
        [`volwatch_redis_use_up{${i2},use="limits"}`]: '0x40',
        [`volwatch_dependency_up{${i2},dependency="redis"}`]: '0x40',
      },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: { ...one, use: 'limits' },
      summary: 'Redis does not carry out the commands of limits for a:9464',
    },
  },
  {
    alert: 'JobQueuesFailing',
    expr: `${steady('volwatch_jobs_up{job="volwatch"}', 0)} and on (instance) volwatch_dependency_up{job="volwatch",dependency="postgres"} == 1`,
    for: '1m',
    severity: 'page',
    summary: 'the job queues of {{ $labels.instance }} do not work',
    description:
      'PostgreSQL answers, but the statements of the queues fail or the queues did not open: refreshes, uploads, mail and webhooks wait.',
    proof: {
      series: {
        [`volwatch_jobs_up{${i1}}`]: '1x10 0x10 1x20',
        [`volwatch_dependency_up{${i1},dependency="postgres"}`]: '1x40',
        // Without PostgreSQL the queues cannot work: PostgresDown says so.
        [`volwatch_jobs_up{${i2}}`]: '0x40',
        [`volwatch_dependency_up{${i2},dependency="postgres"}`]: '0x40',
      },
      quiet: 5,
      fires: 15,
      over: 22,
      labels: one,
      summary: 'the job queues of a:9464 do not work',
    },
  },
  {
    alert: 'LimiterFellBackToMemory',
    expr: 'sum by (instance) (rate(volwatch_rate_limit_decisions_total{job="volwatch",backend="memory"}[2m])) > 0 and on (instance) volwatch_redis_mode{job="volwatch",mode!="none"} == 1',
    for: '2m',
    severity: 'ticket',
    summary: '{{ $labels.instance }} takes {{ $value | humanize }} rate limit decisions per second in its own memory',
    description: 'Redis is configured, but the limiter cannot use it: each instance counts for itself until it can.',
    proof: {
      series: {
        // Redis was never used: the alert asks whether it is configured.
        [`volwatch_redis_mode{${i1},mode="server"}`]: '1x40',
        [`volwatch_redis_mode{${i1},mode="none"}`]: '0x40',
        [`volwatch_rate_limit_decisions_total{${i1},policy="ip",subject="ip",outcome="allowed",backend="memory"}`]:
          '0x10 0+60x10 600x20',
        // Without Redis the memory is the place to count.
        [`volwatch_redis_mode{${i2},mode="server"}`]: '0x40',
        [`volwatch_redis_mode{${i2},mode="none"}`]: '1x40',
        [`volwatch_rate_limit_decisions_total{${i2},policy="ip",subject="ip",outcome="allowed",backend="memory"}`]:
          '0+60x40',
      },
      quiet: 5,
      fires: 15,
      over: 25,
      labels: { instance: 'a:9464' },
      summary: 'a:9464 takes 1 rate limit decisions per second in its own memory',
    },
  },
];
