import { removePart } from '#src/kernel/lists/removal.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';

/*
 * Deleted bytes are free for the quota at once, and for the disk only after a vacuum. So an owner who stores and cancels jobs again
 * and again would fill the disk. These counts are not reduced when something is deleted.
 */

// SQL: one statement counts in the window of the present time, whether the row is new, of this window or of an earlier one.

const windowSeconds = 600;
export const writeWindow = 'ten minutes';

const windowStart = `to_timestamp(floor(extract(epoch from now()) / ${windowSeconds}) * ${windowSeconds})`;

/** A hash stands for an owner, because the row stays for a while after his erasure. */
const addSql = `
  insert into pricing_write as own (owner_hash, window_start, bytes, is_network)
    select hashtextextended(name, 0), ${windowStart}, $2, is_network
    from (values ($1, false), ('network ' || $3, true)) as writer (name, is_network) where name is not null
  on conflict (owner_hash) do update set window_start = excluded.window_start,
    bytes = excluded.bytes + case when own.window_start = excluded.window_start then own.bytes else 0 end`;

const readSql = `
  select coalesce(sum(bytes) filter (where owner_hash = hashtextextended($1, 0)), 0)::bigint as own,
    coalesce(sum(bytes) filter (where owner_hash = hashtextextended('network ' || $2, 0)), 0)::bigint as of_network,
    coalesce(sum(bytes) filter (where not is_network), 0)::bigint as total
  from pricing_write where window_start = ${windowStart}`;

/** Who writes. `network` is a keyed hash; null for chunks of an earlier version. */
export type Writer = { readonly owner: string; readonly network: string | null };

/** Counts bytes that are written for an owner, and for all owners of the network. */
export const addWrittenBytes = async (query: Query, { owner, network }: Writer, bytes: number): Promise<void> => {
  await query(addSql, [owner, bytes, network]);
};

type WrittenBytes = { readonly own: number; readonly of_network: number; readonly total: number };

/** The bytes that were written in this window for the owner, for all owners of the network, and for all owners. */
export const readWrittenBytes = async (query: Query, { owner, network }: Writer): Promise<WrittenBytes> => {
  const [row] = await query<WrittenBytes>(readSql, [owner, network]);
  return row!;
};

/** Removes a part of the counts of earlier windows. @returns the number of rows */
export const removeOldWrites = ({ query }: Transaction): Promise<number> =>
  removePart(query, { table: 'pricing_write', where: `window_start < ${windowStart}` });
