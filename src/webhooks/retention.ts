import { removePart, rowsPerPart } from '#src/kernel/lists/removal.ts';
import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { testEventType } from './event-types.ts';

// SQL: retention and the end of an owner delete sets.

const isOld = `occurred_at < now() - $1 * interval '1 day'`;
const deliveriesOfOld = {
  table: 'webhook_delivery',
  where: `event_id in (select id from webhook_event where ${isOld})`,
};

/**
 * Removes a part of the deliveries of events that are older than `days`, and then of these events. An event can have a delivery for each webhook, so the foreign
 * key must not remove them. @returns the number of deliveries and events
 */
export const removeOldWebhookEvents = async ({ query }: Transaction, days: number): Promise<number> => {
  const deliveries = await removePart(query, deliveriesOfOld, [days]);
  if (deliveries === rowsPerPart) return deliveries;
  return deliveries + (await removePart(query, { table: 'webhook_event', where: isOld }, [days]));
};

const withoutWebhook = {
  table: 'webhook_delivery',
  where: 'not exists (select 1 from webhook where id = webhook_id)',
};
/** A delivery of a test is stored with its event, so an event without one has no webhook any more. */
const testsWithoutDelivery = {
  table: 'webhook_event',
  where: 'type = $1 and not exists (select 1 from webhook_delivery where event_id = webhook_event.id)',
};

/**
 * Removes a part of the deliveries of webhooks that were deleted, and then of their tests. Not with the webhook, because one can have more of them than a request
 * has time for. @returns the number of deliveries and tests
 */
export const removeDeliveriesOfDeletedWebhooks = async ({ query }: Transaction): Promise<number> => {
  const deliveries = await removePart(query, withoutWebhook);
  if (deliveries === rowsPerPart) return deliveries;
  return deliveries + (await removePart(query, testsWithoutDelivery, [testEventType]));
};

/** Removes the webhooks of an owner with one statement, because there can be many. Nothing more is sent to them. @returns the number of webhooks */
export const removeWebhooksOf = async (
  transaction: Transaction,
  owner: Owner,
  { audit, actor }: { readonly audit: AuditTrail; readonly actor: AuditActor | undefined },
): Promise<number> => {
  const removed = await transaction.query<{ id: string }>(
    'delete from webhook where owner_kind = $1 and owner_id = $2 returning id',
    [owner.kind, owner.id],
  );
  for (const { id } of removed) {
    await audit.record(transaction, {
      stream: `webhook:${id}`,
      action: 'webhook.deleted',
      outcome: 'success',
      ...(actor && { actor }),
      target: id,
    });
  }
  return removed.length;
};
