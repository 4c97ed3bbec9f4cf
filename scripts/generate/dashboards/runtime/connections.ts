import { highest, of, quantile, sumRate, type RowSpec } from '../spec.ts';

const fromCauses = { thresholdSource: 'alerts/rules/causes.yml' } as const;
const pool = 'db_client_connection';

/** Connection pools, replicas, statements. */
export const connections: RowSpec = {
  title: 'Database connections',
  panels: [
    {
      id: 10,
      kind: 'timeseries',
      title: 'Connection pool use',
      description:
        'Used share by pool and instance. Transactions of requests hold at most 0.8 of a pool of ten: from there on the next one waits.',
      unit: 'share',
      queries: [
        {
          expr: `sum by (pool, instance) (${of(`${pool}_count`, 'state="used"')}) / sum by (pool, instance) (${of(`${pool}_max`)})`,
          legend: '{{pool}} {{instance}}',
        },
      ],
      thresholds: [{ value: 0.75, color: 'red' }],
      ...fromCauses,
      alerts: ['PoolSaturated'],
    },
    {
      id: 11,
      kind: 'timeseries',
      title: 'Requests waiting for a connection',
      description: 'Requests waiting now, and requests per second that gave up.',
      unit: 'count',
      queries: [
        { expr: `sum by (pool) (${of(`${pool}_pending_requests`)})`, legend: '{{pool}} waiting' },
        { expr: sumRate(of(`${pool}_timeouts_total`), 'pool'), legend: '{{pool}} gave up per second' },
      ],
      thresholds: [{ value: 1, color: 'red' }],
      ...fromCauses,
      alerts: ['PoolRequestsWaiting'],
    },
    {
      id: 12,
      kind: 'timeseries',
      title: 'Wait time for a connection',
      description: 'p95 and p99 of the time to obtain a connection, by pool.',
      unit: 'seconds',
      queries: [0.95, 0.99].map((q) => ({
        expr: quantile(q, of(`${pool}_wait_time_seconds_bucket`), 'pool'),
        legend: `p${q * 100} {{pool}}`,
      })),
    },
    {
      id: 14,
      kind: 'states',
      title: 'Replica health',
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
      title: 'Replica lag',
      description: 'Seconds that a reader of the replica looks into the past.',
      unit: 'seconds',
      queries: [{ expr: of('volwatch_replica_lag_seconds'), legend: '{{pool}} {{instance}}' }],
    },
    {
      id: 67,
      kind: 'timeseries',
      title: 'Clock of the process before that of PostgreSQL',
      description:
        'Seconds. Tokens and sign-ins end by times that other instances have written. Above 2 s, also negative, the instance is degraded.',
      unit: 'seconds',
      queries: [{ expr: of('volwatch_database_clock_difference_seconds'), legend: '{{instance}}' }],
    },
    {
      id: 17,
      kind: 'timeseries',
      title: 'Reads answered by the primary instead of a replica',
      description: 'Reads per second that failed on a replica and were answered by the primary.',
      unit: 'events/s',
      queries: [
        {
          expr: sumRate(of('volwatch_replica_fallbacks_total'), 'pool'),
          legend: '{{pool}}',
        },
      ],
    },
    {
      id: 55,
      kind: 'timeseries',
      title: 'Probes and checks of the database at p95',
      description:
        'Health and replica probes, checks of server and schema, migrations, by outcome. A probe that takes longer shows a slow network or server before requests do.',
      unit: 'seconds',
      queries: [
        {
          expr: quantile(0.95, of('volwatch_db_maintenance_duration_seconds_bucket'), 'operation, outcome'),
          legend: '{{operation}} {{outcome}}',
        },
      ],
      width: 24,
    },
    {
      id: 13,
      kind: 'timeseries',
      title: 'Slowest statements at p95',
      description: 'p95 of the eight slowest statements by operation and table; points open the trace.',
      unit: 'seconds',
      queries: [
        {
          expr: highest(
            quantile(0.95, of('db_client_operation_duration_seconds_bucket'), 'db_operation_name, db_collection_name'),
            'db_operation_name, db_collection_name',
          ),
          legend: '{{db_operation_name}} {{db_collection_name}}',
        },
      ],
      exemplars: true,
      width: 24,
    },
  ],
};
