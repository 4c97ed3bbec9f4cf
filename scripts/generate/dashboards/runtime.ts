import { of, quantile, quantiles, rate, share, sumRate, type DashboardSpec } from './spec.ts';

const fromCauses = { thresholdSource: 'alerts/rules/causes.yml' } as const;
const cache = 'volwatch_cache_requests_total';
const deliveries = 'volwatch_webhook_deliveries_total';
const pool = 'db_client_connection';

export const runtime: DashboardSpec = {
  uid: 'volwatch-runtime',
  file: 'dependencies-and-runtime',
  title: 'Volwatch / Dependencies and runtime',
  description: 'What the service stands on: PostgreSQL, Redis, providers, its own process, its own telemetry.',
  rows: [
    {
      title: 'Dependencies',
      panels: [
        {
          id: 1,
          kind: 'states',
          title: 'Which dependency is down?',
          description: '1 while the dependency answers its health check, as each instance sees it.',
          unit: 'state',
          queries: [{ expr: of('volwatch_dependency_up'), legend: '{{dependency}} {{instance}}' }],
          lowIsBad: true,
          thresholds: [{ value: 1, color: 'green' }],
          ...fromCauses,
          alerts: ['PostgresDown', 'RedisDown'],
        },
        {
          id: 2,
          kind: 'states',
          title: 'Which circuit breaker is open?',
          description: '0 closed, 1 half-open, 2 open: calls are refused at once and fallbacks answer.',
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
          title: 'How long do dependencies take, and how do calls end?',
          description: 'p95 by dependency and outcome; points open the trace.',
          unit: 'seconds',
          queries: [
            {
              expr: quantile(0.95, of('volwatch_dependency_request_duration_seconds_bucket'), 'dependency, outcome'),
              legend: '{{dependency}} {{outcome}}',
            },
          ],
          exemplars: true,
        },
        {
          id: 4,
          kind: 'timeseries',
          title: 'How much do we retry?',
          description: 'Repeated calls per second by dependency. Retries multiply load on what already struggles.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of('volwatch_retries_total'), 'dependency'), legend: '{{dependency}}' }],
        },
        {
          id: 5,
          kind: 'timeseries',
          title: 'Does the cache help?',
          description: 'Share of look-ups that hit, by cache; stale answers count as hits here.',
          unit: 'share',
          queries: [{ expr: share(of(cache, 'outcome=~"hit|stale"'), of(cache), 'cache'), legend: '{{cache}}' }],
        },
        {
          id: 16,
          kind: 'timeseries',
          title: 'How old is what is answered past its time?',
          description: 'Mean age of stale answers, by cache; nothing when no answer is stale.',
          unit: 'seconds',
          queries: [
            {
              expr: `${sumRate(of('volwatch_cache_stale_age_seconds_sum'), 'cache')} / (${sumRate(of('volwatch_cache_stale_age_seconds_count'), 'cache')} > 0) or vector(0)`,
              legend: '{{cache}}',
            },
          ],
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Do background jobs pile up or die?',
          description: 'Waiting jobs, and jobs that used up their attempts, by queue.',
          unit: 'count',
          queries: [
            { expr: `max by (queue, state) (${of('volwatch_jobs_queue_size')})`, legend: '{{queue}} {{state}}' },
            {
              expr: `sum by (queue) (increase(${of('volwatch_jobs_total', 'outcome="dead"')}[15m]))`,
              legend: '{{queue}} dead in 15 min',
            },
          ],
          alerts: ['JobsDying'],
        },
        {
          id: 7,
          kind: 'timeseries',
          title: 'Do webhooks arrive?',
          description:
            'Attempts at deliveries per second, by how they ended: failed ones are tried again, dead ones not.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of(deliveries), 'outcome'), legend: '{{outcome}}' }],
          stacked: true,
        },
        {
          id: 8,
          kind: 'timeseries',
          title: 'Which share of webhook attempts fails?',
          description:
            'Failed and dead attempts of all. One receiver that is down shows here too: its webhook names it.',
          unit: 'share',
          queries: [{ expr: share(of(deliveries, 'outcome=~"failed|dead"'), of(deliveries)), legend: 'failing' }],
          thresholds: [{ value: 0.5, color: 'red' }],
          ...fromCauses,
          alerts: ['WebhookDeliveriesFailing'],
        },
        {
          id: 9,
          kind: 'timeseries',
          title: 'How long do webhook receivers take?',
          description: 'p50, p95 and p99 of attempts at deliveries; points open the trace.',
          unit: 'seconds',
          queries: quantiles(of('volwatch_webhook_delivery_duration_seconds_bucket')),
          exemplars: true,
        },
      ],
    },
    {
      title: 'Database connections',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'How much of the connection pool is in use?',
          description: 'Used share by pool and instance. Near 1 the next request waits.',
          unit: 'share',
          queries: [
            {
              expr: `sum by (pool, instance) (${of(`${pool}_count`, 'state="used"')}) / sum by (pool, instance) (${of(`${pool}_max`)})`,
              legend: '{{pool}} {{instance}}',
            },
          ],
          thresholds: [{ value: 0.9, color: 'red' }],
          ...fromCauses,
          alerts: ['PoolSaturated'],
          width: 8,
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Do requests wait for a connection?',
          description: 'Requests waiting now, and requests per second that gave up.',
          unit: 'count',
          queries: [
            { expr: `sum by (pool) (${of(`${pool}_pending_requests`)})`, legend: '{{pool}} waiting' },
            { expr: sumRate(of(`${pool}_timeouts_total`), 'pool'), legend: '{{pool}} gave up per second' },
          ],
          thresholds: [{ value: 1, color: 'red' }],
          ...fromCauses,
          alerts: ['PoolRequestsWaiting'],
          width: 8,
        },
        {
          id: 12,
          kind: 'timeseries',
          title: 'How long do they wait?',
          description: 'p95 and p99 of the time to obtain a connection, by pool.',
          unit: 'seconds',
          queries: [0.95, 0.99].map((q) => ({
            expr: quantile(q, of(`${pool}_wait_time_seconds_bucket`), 'pool'),
            legend: `p${q * 100} {{pool}}`,
          })),
          width: 8,
        },
        {
          id: 14,
          kind: 'states',
          title: 'Are replicas read from?',
          description: '1 while a replica is read from, 0 while it is left out and the primary answers instead.',
          unit: 'state',
          queries: [{ expr: of('volwatch_replica_up'), legend: '{{pool}} {{instance}}' }],
          lowIsBad: true,
          thresholds: [{ value: 1, color: 'green' }],
          ...fromCauses,
          alerts: ['ReplicaDown'],
        },
        {
          id: 15,
          kind: 'timeseries',
          title: 'How far are replicas behind?',
          description: 'Seconds that a reader of the replica looks into the past.',
          unit: 'seconds',
          queries: [{ expr: of('volwatch_replica_lag_seconds'), legend: '{{pool}} {{instance}}' }],
        },
        {
          id: 17,
          kind: 'timeseries',
          title: 'How many reads fall back to the primary?',
          description: 'Reads per second that failed on a replica and were answered by the primary.',
          unit: 'events/s',
          queries: [
            {
              expr: `${sumRate(of('volwatch_replica_fallbacks_total'), 'pool')} or vector(0)`,
              legend: '{{pool}}',
            },
          ],
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Which statements are slow?',
          description: 'p95 of statements by operation and table; points open the trace.',
          unit: 'seconds',
          queries: [
            {
              expr: `topk(10, ${quantile(0.95, of('db_client_operation_duration_seconds_bucket'), 'db_operation_name, db_collection_name')})`,
              legend: '{{db_operation_name}} {{db_collection_name}}',
            },
          ],
          exemplars: true,
          width: 24,
        },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          id: 20,
          kind: 'timeseries',
          title: 'Is the event loop blocked?',
          description: 'Lag at p50 and p99 by instance. Every request waits at least this long.',
          unit: 'seconds',
          queries: ['p50', 'p99'].map((q) => ({
            expr: of(`nodejs_eventloop_lag_${q}_seconds`),
            legend: `${q} {{instance}}`,
          })),
          width: 8,
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'How much time goes into garbage collection?',
          description: 'Seconds of collection per second, by kind.',
          unit: 'share',
          queries: [{ expr: sumRate(of('nodejs_gc_duration_seconds_sum'), 'kind'), legend: '{{kind}}' }],
          width: 8,
        },
        {
          id: 22,
          kind: 'timeseries',
          title: 'Does memory grow?',
          description: 'Resident memory and used heap by instance: a saw-tooth is well, a ramp is a leak.',
          unit: 'bytes',
          queries: [
            { expr: of('process_resident_memory_bytes'), legend: 'resident {{instance}}' },
            { expr: of('nodejs_heap_size_used_bytes'), legend: 'heap {{instance}}' },
          ],
          width: 8,
        },
      ],
    },
    {
      title: 'Telemetry itself',
      panels: [
        {
          id: 30,
          kind: 'timeseries',
          title: 'Are we losing telemetry?',
          description:
            'Spans and log lines dropped per second, by reason: what this dashboard cannot show is missing here.',
          unit: 'events/s',
          queries: [
            {
              expr: sumRate(of('volwatch_telemetry_dropped_total'), 'signal, reason'),
              legend: '{{signal}} {{reason}}',
            },
          ],
          alerts: ['TelemetryDropped'],
        },
        {
          id: 31,
          kind: 'timeseries',
          title: 'Is somebody rehearsing a failure?',
          description: 'Injected faults felt per second: what looks broken may be meant to.',
          unit: 'events/s',
          queries: [
            {
              expr: `sum by (point, mode) (${rate(of('volwatch_faults_injected_total'))}) > 0 or vector(0)`,
              legend: '{{point}} {{mode}}',
            },
          ],
        },
      ],
    },
  ],
};
