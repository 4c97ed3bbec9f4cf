import { budgetOf, findSlo, sloRecord } from '../slo/slo.ts';
import { of, quantile, rate, sumRate, type DashboardSpec } from './spec.ts';

const transactions = 'volwatch_db_transactions_total';
const rollbackLine = [{ value: budgetOf(findSlo('refresh')), color: 'red' }] as const;
const freshness = findSlo('freshness');
const staleSeconds = freshness.kind === 'staleness' ? freshness.schedule_hours * 3_600 * freshness.times : 0;

export const refreshes: DashboardSpec = {
  uid: 'volwatch-refreshes',
  file: 'refreshes-and-transactions',
  title: 'Volwatch / Refreshes and transactions',
  description: 'Are data fresh, do transactions roll back, and for what reason.',
  rows: [
    {
      title: 'Refreshes',
      panels: [
        {
          id: 1,
          kind: 'stat',
          title: 'Age of data by universe',
          description: 'Time since the last committed refresh. The line is the freshness level: twice the schedule.',
          unit: 'seconds',
          queries: [
            {
              expr: `time() - max by (universe) (${of('volwatch_refresh_last_success_timestamp_seconds')})`,
              legend: '{{universe}}',
            },
          ],
          thresholds: [
            { value: staleSeconds / 2, color: 'yellow' },
            { value: staleSeconds, color: 'red' },
          ],
          alerts: ['RefreshStale', 'FreshnessBudgetBurn'],
        },
        {
          id: 2,
          kind: 'bars',
          title: 'Refreshes by outcome',
          description: 'Refreshes by universe and outcome. A rolled-back one changed nothing.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (universe, outcome) (increase(${of('volwatch_refresh_duration_seconds_count')}[$__interval]))`,
              legend: '{{universe}} {{outcome}}',
            },
          ],
          stacked: true,
        },
        {
          id: 8,
          kind: 'bars',
          title: 'Failed refreshes by code',
          description: 'Refreshes that failed or were rolled back, by the code of their error.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (code) (increase(${of('volwatch_errors_total', 'http_route=""')}[$__interval])) > 0`,
              legend: '{{code}}',
            },
          ],
          stacked: true,
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Refresh duration at p95',
          description: 'p95 by universe, the provider included; points open the trace.',
          unit: 'seconds',
          queries: [
            {
              expr: quantile(0.95, of('volwatch_refresh_duration_seconds_bucket'), 'universe'),
              legend: '{{universe}}',
            },
          ],
          exemplars: true,
        },
        {
          id: 4,
          kind: 'bars',
          title: 'Rows written by refreshes',
          description: 'Rows of committed refreshes by kind. None while refreshes succeed: the provider sends nothing.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (kind) (increase(${of('volwatch_refresh_rows_total')}[$__interval]))`,
              legend: '{{kind}}',
            },
          ],
          stacked: true,
        },
      ],
    },
    {
      title: 'Held back and repeated',
      panels: [
        {
          id: 5,
          kind: 'bars',
          title: 'Quarantined prices',
          description:
            'Fetched bars that are not believed: not stored, but kept in `price_quarantine` until somebody has looked.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (universe) (increase(${of('volwatch_prices_quarantined_total')}[$__interval]))`,
              legend: '{{universe}}',
            },
          ],
          stacked: true,
          alerts: ['PricesQuarantined'],
        },
        {
          id: 7,
          kind: 'bars',
          title: 'Replaced series by reason',
          description:
            'Series whose history was replaced as a whole: the provider restated it by a common factor, or the prices come from another source now.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (reason) (increase(${of('volwatch_series_replaced_total')}[$__interval]))`,
              legend: '{{reason}}',
            },
          ],
          stacked: true,
        },
        {
          id: 18,
          kind: 'bars',
          title: 'Uploaded rows by outcome',
          description:
            'Rows of uploaded files that became prices, that were held back because they are not believed, and that were refused.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (outcome) (increase(${of('volwatch_upload_rows_total')}[$__interval]))`,
              legend: '{{outcome}}',
            },
          ],
          stacked: true,
        },
        {
          id: 19,
          kind: 'timeseries',
          title: 'Uploaded bytes',
          description:
            'Bytes of uploaded files per second, after decompression. UPLOADS_LIMIT bounds the files at once.',
          unit: 'bytes',
          queries: [{ expr: `sum(rate(${of('volwatch_upload_bytes_total')}[$__rate_interval]))`, legend: 'bytes' }],
        },
        {
          id: 17,
          kind: 'timeseries',
          title: 'Universes by origin',
          description:
            'Universes made by requests, by UNIVERSES_FILE, and those that are bundled. UNIVERSES_MAX bounds them.',
          unit: 'count',
          queries: [{ expr: `max by (origin) (${of('volwatch_universes')})`, legend: '{{origin}}' }],
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Idempotent requests by outcome',
          description:
            'Requests with an Idempotency-Key per second: ran, answered from the earlier run, or refused because the earlier one still runs or was another request.',
          unit: 'events/s',
          queries: [
            {
              expr: sumRate(of('volwatch_idempotent_requests_total'), 'outcome'),
              legend: '{{outcome}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Transactions',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Rollback share by operation',
          description:
            'Rolled-back share of units of work, by operation; refused callers do not count. The line is the budget of the refresh level.',
          unit: 'share',
          queries: [
            {
              expr: `sum by (operation) (${rate(of(transactions, 'outcome="rolled_back"'))}) / sum by (operation) (${rate(of(transactions, 'outcome!="refused"'))})`,
              legend: '{{operation}}',
            },
          ],
          thresholds: rollbackLine,
          alerts: ['RollbackRate', 'RefreshBudgetBurn'],
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Rollbacks by reason',
          description: 'Rollbacks per second by reason: the code of the error table that logs and spans carry too.',
          unit: 'events/s',
          queries: [
            {
              expr: `${sumRate(of(transactions, 'outcome="rolled_back"'), 'operation, reason')} > 0`,
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
          description: 'p95 of units of work by operation and outcome; points open the trace.',
          unit: 'seconds',
          queries: [
            {
              expr: quantile(0.95, of('volwatch_db_transaction_duration_seconds_bucket'), 'operation, outcome'),
              legend: '{{operation}} {{outcome}}',
            },
          ],
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
          title: 'Transactions counted by PostgreSQL and by the service',
          description:
            "PostgreSQL's own commits and rollbacks beside ours. It also counts each statement outside a transaction as a commit; rollbacks must agree.",
          unit: 'events/s',
          queries: [
            { expr: sumRate('pg_stat_database_xact_commit{datname!~"template.*"}'), legend: 'PostgreSQL commits' },
            { expr: sumRate('pg_stat_database_xact_rollback{datname!~"template.*"}'), legend: 'PostgreSQL rollbacks' },
            { expr: sumRate(of(transactions), 'outcome'), legend: 'units of work {{outcome}}' },
          ],
        },
        {
          id: 15,
          kind: 'timeseries',
          title: 'Rolled-back share of refreshes',
          description: 'Share of refresh transactions rolled back, over one hour and one day. The line is the budget.',
          unit: 'share',
          queries: [
            { expr: `${sloRecord('1h')}{slo="refresh"}`, legend: '1 h' },
            { expr: `${sloRecord('1d')}{slo="refresh"}`, legend: '1 d' },
          ],
          thresholds: rollbackLine,
        },
      ],
    },
  ],
};
