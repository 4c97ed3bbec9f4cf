import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { committed } from './refresh-records.ts';

// SQL: retention deletes sets.

/**
 * Removes ended refresh records that are older than `days`, except the newest success of each universe.
 * @returns the number of removed records
 */
export const removeOldRefreshes = async (
  transaction: Transaction,
  { days, audit }: { readonly days: number; readonly audit: AuditTrail },
): Promise<number> => {
  const events = createRefreshEvents(audit);
  const removed = await transaction.query<{ id: string; universe: string }>(
    `delete from refresh where status <> 'running' and finished_at < now() - $1 * interval '1 day' and id not in (
       select distinct on (universe) id from refresh where ${committed} order by universe, finished_at desc
     ) returning id, universe`,
    [days],
  );
  for (const refresh of removed) await events.removed(transaction, refresh);
  return removed.length;
};
