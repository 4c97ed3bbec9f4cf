import type { AuditEvent, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Announce } from '#src/kernel/ports/webhooks.ts';
import type { RefreshCounts, RefreshRecord } from './refresh-records.ts';

/**
 * Records the changes of refreshes in the audit trail, each in the transaction of the change. The events contain all
 * that is needed to rebuild every refresh record.
 */
export type RefreshEvents = {
  /** The refresh waits for a worker. */
  readonly queued: (transaction: Transaction, record: RefreshRecord) => Promise<void>;
  readonly started: (transaction: Transaction, record: RefreshRecord) => Promise<void>;
  /** The rows were written. `at` is the value of `applied_at`. */
  readonly applied: (
    transaction: Transaction,
    refresh: { readonly id: string; readonly universe: string; readonly counts: RefreshCounts; readonly at: string },
  ) => Promise<void>;
  readonly ended: (transaction: Transaction, record: RefreshRecord) => Promise<void>;
  /** The record is older than the retention time and was removed. */
  readonly removed: (transaction: Transaction, refresh: Pick<RefreshRecord, 'id' | 'universe'>) => Promise<void>;
};

const streamOf = (universe: string): AuditEvent['stream'] => `refresh:${universe}`;

const endings = {
  succeeded: ['refresh.succeeded', 'success'],
  succeeded_with_quarantine: ['refresh.succeeded', 'success'],
  rolled_back: ['refresh.rolled_back', 'failure'],
  failed: ['refresh.failed', 'failure'],
} as const;

const recordStart =
  (audit: AuditTrail, action: 'refresh.queued' | 'refresh.started'): RefreshEvents['started'] =>
  async (transaction, { id, universe, universe_version, trigger, started_at, trace_id }) =>
    audit.record(transaction, {
      stream: streamOf(universe),
      action,
      outcome: 'success',
      target: id,
      data: { universe, universe_version, trigger, started_at, trace_id, queued: action === 'refresh.queued' },
    });

/** `announce` receives each ending in the same transaction, for the subscribed webhooks. */
export const createRefreshEvents = (audit: AuditTrail, announce?: Announce): RefreshEvents => ({
  queued: recordStart(audit, 'refresh.queued'),
  started: recordStart(audit, 'refresh.started'),
  applied: async (
    transaction,
    { id, universe, counts: { errors: rowErrors, errors_total: rowErrorsTotal, ...counts }, at },
  ) =>
    audit.record(transaction, {
      stream: streamOf(universe),
      action: 'refresh.applied',
      outcome: 'success',
      target: id,
      data: { applied_at: at, ...counts, row_errors: rowErrors, row_errors_total: rowErrorsTotal },
    }),
  ended: async (transaction, record) => {
    const { id, universe, status, reason, error, source, finished_at, rows_read, errors, errors_total } = record;
    if (status === 'running') throw new Error('The refresh is still running');
    const [action, outcome] = endings[status];
    await audit.record(transaction, {
      stream: streamOf(universe),
      action,
      outcome,
      target: id,
      ...(reason && { reason }),
      data: {
        status,
        source,
        finished_at,
        error_detail: error?.detail ?? null,
        ...(rows_read > 0 && { rows_read }),
        ...(errors_total > 0 && { row_errors: errors, row_errors_total: errors_total }),
      },
    });
    await announce?.(transaction, { type: action, data: record });
  },
  removed: async (transaction, { id, universe }) =>
    audit.record(transaction, {
      stream: streamOf(universe),
      action: 'refresh.removed',
      outcome: 'success',
      target: id,
    }),
});
