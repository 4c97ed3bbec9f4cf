import { budgetOf, findSlo, ratioRecord } from '../slo/slo.ts';
import { highest, of, quantile, share, sumRate, type DashboardSpec } from './spec.ts';

const transactions = 'volwatch_db_transactions_total';
const rollbackLine = [{ value: budgetOf(findSlo('refresh')), color: 'red' }] as const;

/** Transactions of the dashboard of refreshes. */
export const transactionsRow: DashboardSpec['rows'][number] = {
  title: 'Transactions',
  panels: [
    {
      id: 10,
      kind: 'timeseries',
      title: 'Rollback share by operation',
      description:
        'Rolled-back share of units of work, of the eight operations with the most; refused callers do not count. The line is the budget of the refresh level.',
      unit: 'share',
      queries: [
        {
          expr: highest(
            share(of(transactions, 'outcome="rolled_back"'), of(transactions, 'outcome!="refused"'), 'operation'),
            'operation',
          ),
          legend: '{{operation}}',
        },
      ],
      thresholds: rollbackLine,
      alerts: ['RollbackRate'],
    },
    {
      id: 11,
      kind: 'timeseries',
      title: 'Rollbacks by reason',
      description:
        'The eight most frequent per second. The reason is the code of the error table that logs and spans carry too.',
      unit: 'events/s',
      queries: [
        {
          expr: highest(
            `${sumRate(of(transactions, 'outcome="rolled_back"'), 'operation, reason')} > 0`,
            'operation, reason',
          ),
          legend: '{{operation}} {{reason}}',
        },
      ],
      stacked: true,
    },
    {
      id: 16,
      kind: 'timeseries',
      title: 'Units of work refused by reason',
      description:
        'Rollbacks per second because a caller was refused, for example for a stale version. They are no fault.',
      unit: 'events/s',
      queries: [
        {
          expr: `${sumRate(of(transactions, 'outcome="refused"'), 'operation, reason')} > 0`,
          legend: '{{operation}} {{reason}}',
        },
      ],
      stacked: true,
    },
    {
      id: 12,
      kind: 'timeseries',
      title: 'Transaction duration at p95',
      description: 'p95 of the eight slowest units of work by operation and outcome; points open the trace.',
      unit: 'seconds',
      queries: [
        {
          expr: highest(
            quantile(0.95, of('volwatch_db_transaction_duration_seconds_bucket'), 'operation, outcome'),
            'operation, outcome',
          ),
          legend: '{{operation}} {{outcome}}',
        },
      ],
      rare: true,
      exemplars: true,
    },
    {
      id: 13,
      kind: 'timeseries',
      title: 'Lock conflicts by code',
      description:
        'Lock conflicts per second: refused second refreshes, and transactions given up after repeated conflicts.',
      unit: 'events/s',
      queries: [
        {
          expr: sumRate(of('volwatch_errors_total', 'code=~"refresh_in_progress|database_conflict"'), 'code'),
          legend: '{{code}}',
        },
      ],
    },
    {
      id: 14,
      kind: 'timeseries',
      title: 'Rollbacks counted by PostgreSQL and the service',
      description:
        'Rollbacks per second as PostgreSQL and as the service count them. They must agree. More in PostgreSQL: somebody else rolls back, or connections are lost. Units of work that got no connection are left out.',
      unit: 'events/s',
      queries: [
        { expr: sumRate('pg_stat_database_xact_rollback{datname!~"template.*"}'), legend: 'PostgreSQL' },
        {
          expr: sumRate(
            of(transactions, 'outcome=~"rolled_back|refused",reason!~"database_pool_exhausted|database_unavailable"'),
          ),
          legend: 'service',
        },
      ],
    },
    {
      id: 15,
      kind: 'timeseries',
      title: 'Rolled-back share of refreshes',
      description: 'Share of refresh transactions rolled back, over one hour and one day. The line is the budget.',
      unit: 'share',
      queries: [
        { expr: `${ratioRecord('1h')}{slo="refresh"}`, legend: '1 h' },
        { expr: `${ratioRecord('1d')}{slo="refresh"}`, legend: '1 d' },
      ],
      thresholds: rollbackLine,
    },
  ],
};
