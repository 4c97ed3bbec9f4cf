import { errorTable, isErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { ErrorCategory, ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { refreshStatuses, refreshTriggers } from '../entities.ts';
import type { RefreshSource } from '../providers/provider.ts';
import type { HeldBackSeries, ReplacedSeries } from '../series/series-plan.ts';
import { instant } from '../sql.ts';
import type { RowCounts } from '../uploads/row-error.ts';

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

/** SQL: the status of a committed refresh. It is derived from the record, which the applying transaction has written. */
const committedStatus = `case when quarantined > 0 then 'succeeded_with_quarantine' else 'succeeded' end`;

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

const firstRecord = (rows: readonly RefreshRow[]): RefreshRecord => {
  const [row] = rows;
  if (!row) throw new Error('The refresh record was deleted');
  return toRefreshRecord(row);
};

export type NewRefresh = Pick<
  RefreshRecord,
  'id' | 'universe' | 'universe_version' | 'trigger' | 'started_at' | 'trace_id'
> & {
  /** True if the refresh waits for a worker. Default false. */
  readonly queued?: boolean;
};

/** Stores the record of a new refresh with the status `running`. */
export const insertRunning = async ({ query }: Transaction, refresh: NewRefresh): Promise<RefreshRecord> =>
  firstRecord(
    await query<RefreshRow>(
      `insert into refresh (id, universe, trigger, status, started_at, trace_id, queued, universe_version)
       values ($1, $2, $3, 'running', $4, $5, $6, $7) returning ${refreshColumns}`,
      [
        refresh.id,
        refresh.universe,
        refresh.trigger,
        refresh.started_at,
        refresh.trace_id,
        refresh.queued ?? false,
        refresh.universe_version,
      ],
    ),
  );

/** Takes a record out of the queue. Undefined if another worker has taken it, or if it was closed. */
export const beginQueued = async (
  { query }: Transaction,
  {
    id,
    started_at,
    trace_id,
    universe_version,
  }: Pick<NewRefresh, 'id' | 'started_at' | 'trace_id' | 'universe_version'>,
): Promise<RefreshRecord | undefined> => {
  const [row] = await query<RefreshRow>(
    `update refresh set queued = false, started_at = $2, trace_id = $3, universe_version = $4
     where id = $1 and queued and status = 'running' returning ${refreshColumns}`,
    [id, started_at, trace_id, universe_version],
  );
  return row && toRefreshRecord(row);
};

/** SQL condition: no worker will start this record any more. A queued record counts as abandoned after one day. */
export const startedOrAbandoned = `(not queued or started_at < now() - interval '1 day')`;

/**
 * Locks the record until the end of the transaction. False if another process has closed it, because that process
 * assumes that this process is dead. This process must then write no rows.
 */
export const claimRunning = async ({ query }: Transaction, id: string): Promise<boolean> =>
  (await query(`select 1 from refresh where id = $1 and status = 'running' for update`, [id])).length === 1;

/**
 * Marks the refresh as applied. Call it in the transaction that writes the rows, so that both are committed or neither.
 */
export const markApplied = async (
  { query }: Transaction,
  id: string,
  { counts, at }: { readonly counts: RefreshCounts; readonly at: string },
): Promise<void> => {
  await query(
    `update refresh set applied_at = $2, assets = $3, prices = $4, index_values = $5, quarantined = $6,
       series_replaced = $7::jsonb, series_held_back = $8::jsonb, rows_read = $9, rows_written = $10,
       row_errors = $11::jsonb, row_errors_total = $12 where id = $1`,
    [
      id,
      at,
      counts.assets,
      counts.prices,
      counts.index_values,
      counts.quarantined,
      JSON.stringify(counts.series_replaced),
      JSON.stringify(counts.series_held_back),
      counts.rows_read,
      counts.rows_written,
      JSON.stringify(counts.errors),
      counts.errors_total,
    ],
  );
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
 * Ends a running record. If `applied_at` is set, the refresh has succeeded, whatever `outcome` says: if the connection
 * breaks during the commit, only `applied_at` shows if the transaction was committed. `ended` is false if another
 * process has closed the record already.
 */
export const recordOutcome = async (
  { query }: Transaction,
  id: string,
  outcome: Outcome,
): Promise<{ readonly record: RefreshRecord; readonly ended: boolean }> => {
  const ended = await query<RefreshRow>(
    `update refresh set
       status = case when applied_at is null then $2 else ${committedStatus} end,
       reason = case when applied_at is null then $3 end,
       error_detail = case when applied_at is null then $4 end,
       source = $5,
       finished_at = $6,
       row_errors = case when applied_at is null then coalesce($7::jsonb, row_errors) else row_errors end,
       row_errors_total = case when applied_at is null then coalesce($8, row_errors_total) else row_errors_total end,
       rows_read = case when applied_at is null then coalesce($9, rows_read) else rows_read end
     where id = $1 and status = 'running' returning ${refreshColumns}`,
    [
      id,
      outcome.status,
      outcome.reason,
      outcome.detail,
      outcome.source,
      outcome.at,
      outcome.rows ? JSON.stringify(outcome.rows.errors) : null,
      outcome.rows?.errors_total ?? null,
      outcome.rows?.rows_read ?? null,
    ],
  );
  if (ended.length > 0) return { record: firstRecord(ended), ended: true };
  const stored = await query<RefreshRow>(`select ${refreshColumns} from refresh where id = $1`, [id]);
  return { record: firstRecord(stored), ended: false };
};

/**
 * Ends the running records of a universe. The caller must hold the lock of the universe, because no other refresh can
 * run then. A record that is locked by an open transaction stays as it is: its process is alive but has lost the lock.
 * @returns the closed records
 */
export const closeRunning = async (
  { query }: Transaction,
  universe: string,
  at: string,
): Promise<readonly RefreshRecord[]> => {
  const closed = await query<RefreshRow>(
    `with dangling as (
       select id from refresh where status = 'running' and universe = $1 and ${startedOrAbandoned} for update skip locked
     )
     update refresh set
       status = case when applied_at is null then 'rolled_back' else ${committedStatus} end,
       reason = case when applied_at is null then 'internal_error' end,
       error_detail = case when applied_at is null then 'The process ended before the refresh did' end,
       finished_at = $2
     where id in (select id from dangling) returning ${refreshColumns}`,
    [universe, at],
  );
  return closed.map(toRefreshRecord);
};

/** Stores the progress of a running refresh. Call it before `claimRunning` of the refresh, which locks the record. */
export const recordProgress = async ({ query }: Reader, id: string, rowsRead: number): Promise<void> => {
  await query(`update refresh set rows_read = $2 where id = $1 and status = 'running' and applied_at is null`, [
    id,
    rowsRead,
  ]);
};
