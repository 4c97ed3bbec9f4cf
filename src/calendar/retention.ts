import { removePart } from '#src/kernel/lists/removal.ts';
import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { addRevocationSql } from './revocations.ts';

// SQL: retention and the end of an owner delete sets.

/** Google ends a refresh token that was not used for six months, so a revocation is given up before. */
const revocationDays = 30;

const endedConsents = { table: 'calendar_consent', where: 'expires_at < now()' };
const oldRevocations = { table: 'calendar_revocation', where: `created_at < now() - $1 * interval '1 day'` };

/** Removes a part of the consents that expired and of the revocations that were given up. @returns the number of rows */
export const removeOldCalendarRows = async ({ query }: Transaction): Promise<number> => {
  const consents = await removePart(query, endedConsents);
  return consents + (await removePart(query, oldRevocations, [revocationDays]));
};

/** Removes the calendar of an owner. The scheduled job revokes the consent at Google. */
export const removeCalendarOf = async (
  transaction: Transaction,
  { kind, id }: Owner,
  { audit, actor }: { readonly audit: AuditTrail; readonly actor: AuditActor | undefined },
): Promise<void> => {
  const { query } = transaction;
  const [ended] = await query<{ connectionId: string }>(addRevocationSql, [kind, id]);
  if (ended) {
    await audit.record(transaction, {
      stream: `calendar:${ended.connectionId}`,
      action: 'calendar.disconnected',
      outcome: 'success',
      ...(actor && { actor }),
      target: ended.connectionId,
      data: { owner_kind: kind, owner_id: id },
    });
  }
  await query('delete from calendar_consent where owner_kind = $1 and owner_id = $2', [kind, id]);
};
