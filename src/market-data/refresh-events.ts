import type { AuditEvent, AuditTrail } from '#src/kernel/audit.ts';
import type { Transaction } from '#src/kernel/unit-of-work.ts';
import type { Announce } from '#src/kernel/webhooks.ts';
import type { RefreshCounts, RefreshRecord } from './refresh-records.ts';

/** What the audit trail is told, enough to rebuild every refresh record from it; each in the transaction of its change. */
export type RefreshEvents = {
  /** Left for a worker to start. */
  readonly queued: (transaction: Transaction, record: RefreshRecord) => Promise<void>;
  readonly started: (transaction: Transaction, record: RefreshRecord) => Promise<void>;
  /** With the rows themselves. `at` is what `applied_at` was set to. */
  readonly applied: (
    transaction: Transaction,
    refresh: { readonly id: string; readonly universe: string; readonly counts: RefreshCounts; readonly at: string },
  ) => Promise<void>;
  readonly ended: (transaction: Transaction, record: RefreshRecord) => Promise<void>;
  /** Past its time of keeping. */
  readonly removed: (transaction: Transaction, refresh: Pick<RefreshRecord, 'id' | 'universe'>) => Promise<void>;
};

const streamOf = (universe: string): AuditEvent['stream'] => `refresh:${universe}`;

const endings = {
  succeeded: ['refresh.succeeded', 'success'],
  rolled_back: ['refresh.rolled_back', 'failure'],
  failed: ['refresh.failed', 'failure'],
} as const;

const begins =
  (audit: AuditTrail, action: 'refresh.queued' | 'refresh.started'): RefreshEvents['started'] =>
  async (transaction, { id, universe, trigger, started_at, trace_id }) =>
    audit.record(transaction, {
      stream: streamOf(universe),
      action,
      outcome: 'success',
      target: id,
      data: { universe, trigger, started_at, trace_id, queued: action === 'refresh.queued' },
    });

/** `announce` is told of endings, for whoever subscribed to them. */
export const createRefreshEvents = (audit: AuditTrail, announce?: Announce): RefreshEvents => ({
  queued: begins(audit, 'refresh.queued'),
  started: begins(audit, 'refresh.started'),
  applied: async (transaction, { id, universe, counts, at }) =>
    audit.record(transaction, {
      stream: streamOf(universe),
      action: 'refresh.applied',
      outcome: 'success',
      target: id,
      data: { applied_at: at, ...counts },
    }),
  ended: async (transaction, record) => {
    const { id, universe, status, reason, error, source, finished_at } = record;
    if (status === 'running') throw new Error('A running refresh has not ended');
    const [action, outcome] = endings[status];
    await audit.record(transaction, {
      stream: streamOf(universe),
      action,
      outcome,
      target: id,
      ...(reason && { reason }),
      data: { source, finished_at, error_detail: error?.detail ?? null },
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
