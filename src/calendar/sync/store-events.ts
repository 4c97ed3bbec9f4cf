import { LockMode } from '@mikro-orm/core';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { SyncState } from '../connections.ts';
import { CalendarConnectionEntity } from '../entities.ts';
import type { CalendarEvent, SkippedEvents } from '../google/event-wire.ts';
import { bytesOfRowSql } from './event-bytes.ts';
import type { EventBytesQuota, EventQuota, TotalEventBytesQuota } from './event-quota.ts';

// SQL: events are compared and written as sets.

/** All changes of one sync, collected before the transaction begins. */
export type FetchedChanges = {
  /** Whether `events` is the complete list, so that all other stored events are deleted. */
  readonly full: boolean;
  readonly events: ReadonlyMap<string, CalendarEvent>;
  readonly cancelled: ReadonlySet<string>;
  /** How many events could not be read. */
  readonly skipped: SkippedEvents;
  readonly syncToken: string;
  readonly account: string | undefined;
};

export type SyncCounts = {
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  /** Stored events that the sync left as they were. */
  readonly unchanged: number;
};

export type StoreQuotas = {
  readonly assertQuota: EventQuota;
  readonly assertEventBytes: EventBytesQuota;
  readonly assertTotalBytes: TotalEventBytesQuota;
};

/** Another sync or a new consent was stored meanwhile. */
export class StaleSync extends Error {
  override readonly name = 'StaleSync';
}

/** Max rows of one statement. */
const maxStatementRows = 2_000;
/** Max characters of the JSON of one statement; one row more can be in it. A statement is made in one turn of the event loop. */
const maxStatementCharacters = 1_000_000;

/** JSON lists of the events, each for one statement. Texts of an event can have several thousand characters. */
const statementsOf = function* (events: Iterable<CalendarEvent>): Generator<string, void, undefined> {
  let rows: string[] = [];
  let characters = 0;
  for (const event of events) {
    const row = JSON.stringify(event);
    rows.push(row);
    characters += row.length;
    if (rows.length < maxStatementRows && characters < maxStatementCharacters) continue;
    yield `[${rows.join(',')}]`;
    rows = [];
    characters = 0;
  }
  if (rows.length > 0) yield `[${rows.join(',')}]`;
};

const columns = [
  'status',
  'summary',
  'location',
  'starts_at',
  'ends_at',
  'all_day',
  'time_zone',
  'recurring_event_id',
  'original_start',
  'link',
  'etag',
  'updated_at',
] as const;
const of = (prefix: string): string => columns.map((name) => `${prefix}.${name}`).join(', ');

const upsertSql = `with changed as (
    insert into calendar_event as stored (connection_id, event_id, ${columns.join(', ')})
    select $1, event_id, ${columns.join(', ')} from jsonb_to_recordset($2::jsonb) as given (event_id text, status text,
      summary text, location text, starts_at timestamptz, ends_at timestamptz, all_day boolean, time_zone text,
      recurring_event_id text, original_start text, link text, etag text, updated_at timestamptz)
    on conflict (connection_id, event_id) do update
      set (${columns.join(', ')}) = row (${of('excluded')})
      where (${of('stored')}) is distinct from (${of('excluded')})
    returning (xmax = 0) as is_new
  )
  select count(*) filter (where is_new)::int as created, count(*) filter (where not is_new)::int as updated from changed`;

const deleteOthersSql = `delete from calendar_event where connection_id = $1
  and not exists (select from unnest($2::text[]) as given (id) where given.id = event_id)`;
const deleteSql = 'delete from calendar_event where connection_id = $1 and event_id = any($2::text[])';
const countDeleted = (statement: string): string =>
  `with deleted as (${statement} returning 1) select count(*)::int as deleted from deleted`;

/**
 * Stores the changes of a sync and its sync token. Must be the whole content of a unit of work.
 * @throws StaleSync if the connection has changed since `state` was read; AppError `calendar_not_connected`,
 *   `quota_exceeded`
 */
export const storeEvents = async (
  { em, query }: Transaction,
  state: SyncState,
  { full, events, cancelled, syncToken, account }: FetchedChanges,
  { now, assertQuota, assertEventBytes, assertTotalBytes }: StoreQuotas & { readonly now: Date },
): Promise<SyncCounts> => {
  const connection = await em.findOne(
    CalendarConnectionEntity,
    { id: state.id },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  );
  if (!connection) throw new AppError('calendar_not_connected', 'The calendar was disconnected during the sync');
  if (connection.syncVersion !== state.sync_version) throw new StaleSync();

  const [removed] = full
    ? await query<{ deleted: number }>(countDeleted(deleteOthersSql), [state.id, [...events.keys()]])
    : cancelled.size > 0
      ? await query<{ deleted: number }>(countDeleted(deleteSql), [state.id, [...cancelled]])
      : [{ deleted: 0 }];

  let [created, updated] = [0, 0];
  for (const statement of statementsOf(events.values())) {
    const [written] = await query<{ created: number; updated: number }>(upsertSql, [state.id, statement]);
    created += written!.created;
    updated += written!.updated;
  }
  const [stored] = await query<{ total: number; bytes: number }>(
    `select count(*)::int as total, coalesce(sum(${bytesOfRowSql}), 0)::float8 as bytes
     from calendar_event where connection_id = $1`,
    [state.id],
  );
  assertQuota(stored!.total);
  assertEventBytes(stored!.bytes);
  await assertTotalBytes(query, stored!.bytes - Number(connection.storedBytes));
  connection.storedBytes = BigInt(stored!.bytes);
  connection.syncToken = syncToken;
  connection.syncVersion += 1;
  connection.lastSyncAt = now;
  if (account != null) connection.account = account;
  if (full) connection.fullSyncAt = now;
  return { created, updated, deleted: removed!.deleted, unchanged: stored!.total - created - updated };
};
