import { LockMode, type InferEntity } from '@mikro-orm/core';
import { errorTable, isErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { ErrorCategory, ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { RefreshEntity, type refreshStatuses, type refreshTriggers } from '../entities.ts';
import type { RefreshSource } from '../providers/provider.ts';
import type { HeldBackSeries, ReplacedSeries } from '../series/series-plan.ts';
import { instant } from '../sql.ts';
import type { RowCounts } from '../uploads/row-error.ts';

// SQL: the progress is written often and must not lock the record for the transaction of the refresh.

export type RefreshTrigger = (typeof refreshTriggers)[number];
type RefreshStatus = (typeof refreshStatuses)[number];
/** `rows_read` are bars of the provider, or rows of the uploaded file. */
export type RefreshCounts = RowCounts & {
  /** Those of them that are part of their series now. */
  readonly rows_written: number;
  readonly assets: number;
  readonly prices: number;
  readonly index_values: number;
  /** Bars that were fetched but not stored, because their prices are not believed. */
  readonly quarantined: number;
  /** The first series whose stored history was replaced, at most `maxListedSeries`. */
  readonly series_replaced: readonly ReplacedSeries[];
  /** The first series of which nothing was stored, at most `maxListedSeries`. */
  readonly series_held_back: readonly HeldBackSeries[];
};

/** Max number of series in a list of the record. */
export const maxListedSeries = 20;

/** True for a refresh that was committed. */
export const hasSucceeded = (status: RefreshStatus): boolean =>
  status === 'succeeded' || status === 'succeeded_with_quarantine';

/** SQL condition: the refresh was committed. */
export const committed = `status in ('succeeded', 'succeeded_with_quarantine')`;

/** A refresh as the API shows it. Counts are numbers of rows written; instants are RFC 3339 in UTC. */
export type RefreshRecord = RefreshCounts & {
  readonly id: string;
  readonly universe: string;
  /** The version of the universe that the refresh used; null for a universe that is not stored. */
  readonly universe_version: number | null;
  readonly trigger: RefreshTrigger;
  readonly status: RefreshStatus;
  readonly reason: ErrorCode | null;
  readonly started_at: string;
  readonly finished_at: string | null;
  /** Null until data were fetched. */
  readonly source: RefreshSource | null;
  readonly error: { readonly code: ErrorCode; readonly category: ErrorCategory; readonly detail: string } | null;
  /** Null when telemetry is off. */
  readonly trace_id: string | null;
};

export const refreshColumns = `id, universe, universe_version, trigger, status, reason, error_detail, ${instant('started_at')},
  ${instant('finished_at')}, assets, prices, index_values, quarantined, series_replaced, series_held_back,
  rows_read, rows_written, row_errors as errors, row_errors_total as errors_total, source, trace_id`;

export type RefreshRow = Omit<RefreshRecord, 'reason' | 'error'> & {
  readonly reason: string | null;
  readonly error_detail: string | null;
};

export const toRefreshRecord = ({ reason, error_detail: detail, ...row }: RefreshRow): RefreshRecord => {
  const code = reason === null ? null : isErrorCode(reason) ? reason : 'internal_error';
  const error = code && { code, category: errorTable[code].category, detail: detail ?? errorTable[code].title };
  return { ...row, reason: code, error };
};

/** The record of a managed entity, as `toRefreshRecord` makes it of a row. */
const recordOf = (refresh: InferEntity<typeof RefreshEntity>): RefreshRecord =>
  toRefreshRecord({
    id: refresh.id,
    universe: refresh.universe,
    universe_version: refresh.universeVersion ?? null,
    trigger: refresh.trigger,
    status: refresh.status,
    reason: refresh.reason ?? null,
    error_detail: refresh.errorDetail ?? null,
    started_at: refresh.startedAt.toISOString(),
    finished_at: refresh.finishedAt?.toISOString() ?? null,
    assets: refresh.assets,
    prices: refresh.prices,
    index_values: refresh.indexValues,
    quarantined: refresh.quarantined,
    series_replaced: refresh.seriesReplaced,
    series_held_back: refresh.seriesHeldBack,
    rows_read: refresh.rowsRead,
    rows_written: refresh.rowsWritten,
    errors: refresh.rowErrors,
    errors_total: refresh.rowErrorsTotal,
    source: refresh.source ?? null,
    trace_id: refresh.traceId ?? null,
  });

export type NewRefresh = Pick<
  RefreshRecord,
  'id' | 'universe' | 'universe_version' | 'trigger' | 'started_at' | 'trace_id'
> & {
  /** True if the refresh waits for a worker. Default false. */
  readonly queued?: boolean;
};

/** Stores the record of a new refresh with the status `running`. */
export const insertRunning = ({ em }: Transaction, refresh: NewRefresh): RefreshRecord =>
  recordOf(
    em.create(RefreshEntity, {
      id: refresh.id,
      universe: refresh.universe,
      trigger: refresh.trigger,
      status: 'running',
      startedAt: new Date(refresh.started_at),
      traceId: refresh.trace_id,
      queued: refresh.queued ?? false,
      universeVersion: refresh.universe_version,
      assets: 0,
      prices: 0,
      indexValues: 0,
      quarantined: 0,
      seriesReplaced: [],
      seriesHeldBack: [],
      rowsRead: 0,
      rowsWritten: 0,
      rowErrors: [],
      rowErrorsTotal: 0,
    }),
  );

const lockMode = LockMode.PESSIMISTIC_WRITE;

/** Takes a record out of the queue. Undefined if another worker has taken it, or if it was closed. */
export const beginQueued = async (
  { em }: Transaction,
  {
    id,
    started_at,
    trace_id,
    universe_version,
  }: Pick<NewRefresh, 'id' | 'started_at' | 'trace_id' | 'universe_version'>,
): Promise<RefreshRecord | undefined> => {
  const refresh = await em.findOne(RefreshEntity, { id, queued: true, status: 'running' }, { lockMode });
  if (!refresh) return undefined;
  refresh.queued = false;
  refresh.startedAt = new Date(started_at);
  refresh.traceId = trace_id;
  refresh.universeVersion = universe_version;
  return recordOf(refresh);
};

/** SQL condition: no worker will start this record any more. A queued record counts as abandoned after one day. */
export const startedOrAbandoned = `(not queued or started_at < now() - interval '1 day')`;

/**
 * Locks the record until the end of the transaction. False if another process has closed it, because that process
 * assumes that this process is dead. This process must then write no rows.
 */
export const claimRunning = async ({ em }: Transaction, id: string): Promise<boolean> =>
  (await em.findOne(RefreshEntity, { id, status: 'running' }, { lockMode })) !== null;

/**
 * Marks the refresh as applied. Call it in the transaction that writes the rows, after `claimRunning`, so that both are
 * committed or neither.
 */
export const markApplied = async (
  { em }: Transaction,
  id: string,
  { counts, at }: { readonly counts: RefreshCounts; readonly at: string },
): Promise<void> => {
  const refresh = await em.findOneOrFail(RefreshEntity, { id });
  refresh.appliedAt = new Date(at);
  refresh.assets = counts.assets;
  refresh.prices = counts.prices;
  refresh.indexValues = counts.index_values;
  refresh.quarantined = counts.quarantined;
  refresh.seriesReplaced = counts.series_replaced;
  refresh.seriesHeldBack = counts.series_held_back;
  refresh.rowsRead = counts.rows_read;
  refresh.rowsWritten = counts.rows_written;
  refresh.rowErrors = counts.errors;
  refresh.rowErrorsTotal = counts.errors_total;
};

export type Outcome = {
  readonly status: 'succeeded' | 'rolled_back' | 'failed';
  readonly reason: ErrorCode | null;
  readonly detail: string | null;
  readonly source: RefreshSource | null;
  readonly at: string;
  /** The rows of a file that has failed. */
  readonly rows?: RowCounts;
};

/**
 * Ends a running record. If `appliedAt` is set, the refresh has succeeded, whatever `outcome` says: if the connection
 * breaks during the commit, only `appliedAt` shows if the transaction was committed.
 */
const end = (
  refresh: InferEntity<typeof RefreshEntity>,
  { status, reason, detail, at, rows }: Omit<Outcome, 'source'>,
): void => {
  const isApplied = refresh.appliedAt != null;
  const appliedStatus = refresh.quarantined > 0 ? 'succeeded_with_quarantine' : 'succeeded';
  refresh.status = isApplied ? appliedStatus : status;
  refresh.reason = isApplied ? null : reason;
  refresh.errorDetail = isApplied ? null : detail;
  refresh.finishedAt = new Date(at);
  if (isApplied || !rows) return;
  refresh.rowsRead = rows.rows_read;
  refresh.rowErrors = rows.errors;
  refresh.rowErrorsTotal = rows.errors_total;
};

/** Ends a running record as `end` does. `ended` is false if another process has closed the record already. */
export const recordOutcome = async (
  { em }: Transaction,
  id: string,
  outcome: Outcome,
): Promise<{ readonly record: RefreshRecord; readonly ended: boolean }> => {
  const refresh = await em.findOne(RefreshEntity, { id, status: 'running' }, { lockMode });
  if (!refresh) return { record: recordOf(await em.findOneOrFail(RefreshEntity, { id })), ended: false };
  end(refresh, outcome);
  refresh.source = outcome.source;
  return { record: recordOf(refresh), ended: true };
};

const abandonedAfterMs = 86_400_000;

/**
 * Ends the running records of a universe. The caller must hold the lock of the universe, because no other refresh can
 * run then. A record that is locked by an open transaction stays as it is: its process is alive but has lost the lock.
 * @returns the closed records
 */
export const closeRunning = async (
  { em }: Transaction,
  universe: string,
  at: string,
): Promise<readonly RefreshRecord[]> => {
  const abandoned = { startedAt: { $lt: new Date(Date.parse(at) - abandonedAfterMs) } };
  const dangling = await em.find(
    RefreshEntity,
    { status: 'running', universe, $or: [{ queued: false }, abandoned] },
    { lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE, orderBy: { id: 'asc' } },
  );
  const detail = 'The process ended before the refresh did';
  for (const refresh of dangling) end(refresh, { status: 'rolled_back', reason: 'internal_error', detail, at });
  return dangling.map(recordOf);
};

/** Stores the progress of a running refresh. Call it before `claimRunning` of the refresh, which locks the record. */
export const recordProgress = async (
  { query }: Pick<Reader, 'query'>,
  id: string,
  { rowsRead, assets = 0 }: { readonly rowsRead: number; readonly assets?: number },
): Promise<void> => {
  await query(
    `update refresh set rows_read = $2, assets = $3 where id = $1 and status = 'running' and applied_at is null`,
    [id, rowsRead, assets],
  );
};
