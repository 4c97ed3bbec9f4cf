import { LockMode } from '@mikro-orm/core';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { countRemoved } from '#src/kernel/lists/removal.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { SyncState } from '../connections.ts';
import { CalendarConnectionEntity } from '../entities.ts';
import type { CalendarEvent, SkippedEvents } from '../google/event-wire.ts';
import { bytesOf, bytesOfRowSql } from './event-bytes.ts';
import type { EventBytesQuota, EventQuota, TotalEventBytesQuota } from './event-quota.ts';
import { statementParts } from './statement-parts.ts';

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

/** The ids of a part. */
const givenSql = (parameter: '$1' | '$2'): string => `select jsonb_array_elements_text(${parameter}::jsonb)`;

const rememberSql = `insert into listed_event ${givenSql('$1')}`;
const deleteOthersSql = `delete from calendar_event where connection_id = $1
  and not exists (select from listed_event where listed_event.id = event_id)`;
const deleteSql = `delete from calendar_event where connection_id = $1 and event_id in (${givenSql('$2')})`;

/** A temporary table, because all ids of a calendar have megabytes, and a parameter is made in one turn of the event loop. */
const deleteOthers = async (query: Query, connectionId: string, ids: Iterable<string>): Promise<number> => {
  await query('create temporary table listed_event (id text) on commit drop');
  for (const part of statementParts(ids)) await query(rememberSql, [part]);
  return countRemoved(query, deleteOthersSql, [connectionId]);
};

const deleteCancelled = async (query: Query, connectionId: string, ids: Iterable<string>): Promise<number> => {
  let deleted = 0;
  for (const part of statementParts(ids)) deleted += await countRemoved(query, deleteSql, [connectionId, part]);
  return deleted;
};

type Size = { readonly total: number; readonly bytes: number };

const sizeSql = `select count(*)::int as total, coalesce(sum(${bytesOfRowSql}), 0)::float8 as bytes
  from calendar_event where connection_id = $1`;

/** What would be stored with the events of a sync. */
const sizeWith = async (
  query: Query,
  connectionId: string,
  events: ReadonlyMap<string, CalendarEvent>,
): Promise<Size> => {
  const [stored] = await query<Size>(sizeSql, [connectionId]);
  let { total, bytes } = stored!;
  for (const part of statementParts(events.keys())) {
    const [replaced] = await query<Size>(`${sizeSql} and event_id in (${givenSql('$2')})`, [connectionId, part]);
    total -= replaced!.total;
    bytes -= replaced!.bytes;
  }
  for (const event of events.values()) bytes += bytesOf(event);
  return { total: total + events.size, bytes };
};

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

  const deleted = full
    ? await deleteOthers(query, state.id, events.keys())
    : await deleteCancelled(query, state.id, cancelled);
  // Before the events are written: a calendar beyond its quota would else be written and rolled back at each sync.
  const { total, bytes } = await sizeWith(query, state.id, events);
  assertQuota(total);
  assertEventBytes(bytes);
  await assertTotalBytes(query, bytes - Number(connection.storedBytes));

  let [created, updated] = [0, 0];
  for (const part of statementParts(events.values())) {
    const [written] = await query<{ created: number; updated: number }>(upsertSql, [state.id, part]);
    created += written!.created;
    updated += written!.updated;
  }
  connection.storedBytes = BigInt(bytes);
  connection.syncToken = syncToken;
  connection.syncVersion += 1;
  connection.lastSyncAt = now;
  if (account != null) connection.account = account;
  if (full) connection.fullSyncAt = now;
  return { created, updated, deleted, unchanged: total - created - updated };
};
