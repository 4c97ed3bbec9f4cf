import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { committed } from './refresh-records.ts';

// SQL: retention deletes sets.

/** A refresh that begins waits for the audit head of its universe until the part is committed. */
const recordsPerPart = 20;

/**
 * Removes a part of the ended refresh records that are older than `days`, except the newest success of each universe.
 * Each part must be committed before the next one, so it is called until it returns 0.
 * @returns the number of removed records
 */
export const removeOldRefreshes = async (
  transaction: Transaction,
  { days, audit }: { readonly days: number; readonly audit: AuditTrail },
): Promise<number> => {
  const events = createRefreshEvents(audit);
  const removed = await transaction.query<{ id: string; universe: string }>(
    // In the order of ids, which is that of time, so that the index finds the oldest records first.
    `delete from refresh where id in (
       select id from refresh old where status <> 'running' and finished_at < now() - $1 * interval '1 day' and (
         not (${committed}) or exists (
           select from refresh newer where ${committed} and newer.universe = old.universe
             and (newer.finished_at, newer.id) > (old.finished_at, old.id)
         )
       ) order by id limit ${recordsPerPart}
     ) returning id, universe`,
    [days],
  );
  for (const refresh of removed) await events.removed(transaction, refresh);
  return removed.length;
};
