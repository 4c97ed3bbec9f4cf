import { highest, of, quantile, share, sumRate, type RowSpec } from '../spec.ts';

const fromCauses = { thresholdSource: 'alerts/rules/causes.yml' } as const;
const cache = 'volwatch_cache_requests_total';

/** PostgreSQL, Redis, providers, and the cache in front of them. */
export const dependencies: RowSpec = {
  title: 'Dependencies',
  panels: [
    {
      id: 1,
      kind: 'states',
      title: 'Dependency health',
      description: 'Whether the dependency answers its health check, as each instance sees it.',
      unit: 'state',
      queries: [{ expr: of('volwatch_dependency_up'), legend: '{{dependency}} {{instance}}' }],
      height: 12,
      lowIsBad: true,
      thresholds: [{ value: 1, color: 'green' }],
      ...fromCauses,
      alerts: ['PostgresDown', 'RedisDown'],
    },
    {
      id: 27,
      kind: 'states',
      title: 'Health of each use of Redis',
      description: '1 while Redis carries out the commands of the use; 0: its fall-back replaces it.',
      unit: 'state',
      queries: [{ expr: of('volwatch_redis_use_up'), legend: '{{use}} {{instance}}' }],
      height: 12,
      lowIsBad: true,
      thresholds: [{ value: 1, color: 'green' }],
      ...fromCauses,
      alerts: ['RedisUseFailing'],
    },
    {
      id: 18,
      kind: 'timeseries',
      title: 'Failed Redis commands by reason',
      description: 'Failed commands per second, probes included, by use and kind of reply.',
      unit: 'events/s',
      queries: [
        {
          expr: highest(sumRate(of('volwatch_redis_failures_total'), 'use, reason'), 'use, reason'),
          legend: '{{use}} {{reason}}',
        },
      ],
    },
    {
      id: 19,
      kind: 'states',
      title: 'Redis mode by instance',
      description:
        '1 for the mode of each instance: none, server, cluster or sentinel. All instances must have the same.',
      unit: 'state',
      queries: [{ expr: `${of('volwatch_redis_mode')} == 1`, legend: '{{mode}} {{instance}}' }],
      states: [{ value: 1, text: 'In use', color: 'blue' }],
    },
    {
      id: 2,
      kind: 'states',
      title: 'Circuit breaker state',
      description: 'While a breaker is open, calls are refused at once and fallbacks answer.',
      states: [
        { value: 0, text: 'Closed', color: 'green' },
        { value: 1, text: 'Half-open', color: 'yellow' },
        { value: 2, text: 'Open', color: 'red' },
      ],
      unit: 'state',
      queries: [{ expr: of('volwatch_circuit_breaker_state'), legend: '{{dependency}} {{instance}}' }],
      thresholds: [
        { value: 1, color: 'yellow' },
        { value: 2, color: 'red' },
      ],
      ...fromCauses,
      alerts: ['BreakerOpen'],
    },
    {
      id: 3,
      kind: 'timeseries',
      title: 'Dependency call duration at p95',
      description: 'p95 of the eight slowest by dependency and outcome; points open the trace.',
      unit: 'seconds',
      queries: [
        {
          expr: highest(
            quantile(0.95, of('volwatch_dependency_request_duration_seconds_bucket'), 'dependency, outcome'),
            'dependency, outcome',
          ),
          legend: '{{dependency}} {{outcome}}',
        },
      ],
      exemplars: true,
    },
    {
      id: 4,
      kind: 'timeseries',
      title: 'Retries by dependency',
      description: 'Repeated calls per second by dependency. Retries multiply load on what already struggles.',
      unit: 'events/s',
      queries: [{ expr: sumRate(of('volwatch_retries_total'), 'dependency'), legend: '{{dependency}}' }],
    },
    {
      id: 5,
      kind: 'timeseries',
      title: 'Cache hit rate',
      description: 'Share of look-ups that hit, by cache; stale answers count as hits here.',
      unit: 'share',
      queries: [{ expr: share(of(cache, 'outcome=~"hit|stale"'), of(cache), 'cache'), legend: '{{cache}}' }],
    },
    {
      id: 28,
      kind: 'timeseries',
      title: 'Bytes of the cache in Redis',
      description:
        'Bytes of cached answers in Redis, by cache, after the last writes of the instance that shows most. The sum is at most CACHE_REDIS_BYTES.',
      unit: 'bytes',
      queries: [{ expr: `max by (cache) (${of('volwatch_cache_shared_bytes')})`, legend: '{{cache}}' }],
    },
    {
      id: 29,
      kind: 'timeseries',
      title: 'Cached answers that made room',
      description:
        'Answers that newer ones removed from Redis per second, by cache. Many with a low hit rate: the budget is too small.',
      unit: 'events/s',
      queries: [{ expr: sumRate(of('volwatch_cache_evicted_total'), 'cache'), legend: '{{cache}}' }],
    },
    {
      id: 16,
      kind: 'timeseries',
      title: 'Age of stale answers',
      description: 'Mean age of stale answers, by cache; nothing when no answer is stale.',
      unit: 'seconds',
      queries: [
        {
          expr: `${sumRate(of('volwatch_cache_stale_age_seconds_sum'), 'cache')} / (${sumRate(of('volwatch_cache_stale_age_seconds_count'), 'cache')} > 0)`,
          legend: '{{cache}}',
        },
      ],
    },
  ],
};
