import { removePart, rowsPerPart } from '#src/kernel/lists/removal.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { committed } from './refresh-records.ts';

// SQL: retention deletes sets.

/** A refresh that begins waits for the audit head of its universe until the part is committed. */
const recordsPerPart = 20;

type Due = { readonly id: string; readonly universe: string };

/** In the order of ids, which is that of time, so that the index finds the oldest records first. */
const selectDue = `select id, universe from refresh old
  where status <> 'running' and finished_at < now() - $1 * interval '1 day' and (
    not (${committed}) or exists (
      select from refresh newer where ${committed} and newer.universe = old.universe
        and (newer.finished_at, newer.id) > (old.finished_at, old.id)
    )
  ) order by id limit ${recordsPerPart}`;

/** A refresh of an earlier version can have millions of held bars, and its removal must end within the timeout of a statement. */
const heldOf = { table: 'price_quarantine', where: 'refresh_id = any($1::uuid[])' };

/**
 * Removes a part of the ended refresh records that are older than `days`, except the newest success of each universe, and first their held
 * bars. Each part must be committed before the next one, so it is called until it returns 0.
 * @returns the number of removed records and held bars
 */
export const removeOldRefreshes = async (
  transaction: Transaction,
  { days, audit }: { readonly days: number; readonly audit: AuditTrail },
): Promise<number> => {
  const events = createRefreshEvents(audit);
  const due = (await transaction.query<Due>(selectDue, [days])).map(({ id }) => id);
  if (due.length === 0) return 0;
  const held = await removePart(transaction.query, heldOf, [due]);
  if (held === rowsPerPart) return held;
  const removed = await transaction.query<Due>(
    'delete from refresh where id = any($1::uuid[]) returning id, universe',
    [due],
  );
  for (const refresh of removed) await events.removed(transaction, refresh);
  return removed.length + held;
};
