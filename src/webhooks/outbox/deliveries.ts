import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

/** `owner` is `KIND:ID`. It is the group of the jobs: groups take turns, so slow receivers delay mostly the owner's own deliveries. */
export type Subscriber = { readonly id: string; readonly owner: string };

/** Stores the deliveries of an event that do not exist yet, with their jobs. */
export type StoreDeliveries = (
  transaction: Transaction,
  eventId: string,
  webhooks: readonly Subscriber[],
) => Promise<void>;

export const jobOfDelivery = (eventId: string, { id, owner }: Subscriber) => ({
  key: `${id}/${eventId}`,
  group: owner,
  data: { webhook_id: id, event_id: eventId },
});

/** SQL: the number of statements must not depend on the number of webhooks, because the transaction holds the turns of their owners. */
export const createStoreDeliveries =
  ({ jobs, clock }: { readonly jobs: JobSetEnqueuer; readonly clock: Clock }): StoreDeliveries =>
  async (transaction, eventId, webhooks) => {
    if (webhooks.length === 0) return;
    const stored = await transaction.query<{ id: string }>(
      `insert into webhook_delivery (webhook_id, event_id, state, created_at)
       select id, $2, 'waiting', $3 from unnest($1::uuid[]) as wanted (id) on conflict do nothing returning webhook_id as id`,
      [webhooks.map(({ id }) => id), eventId, clock.now()],
    );
    const isNew = new Set(stored.map(({ id }) => id));
    const added = webhooks.filter(({ id }) => isNew.has(id)).map((webhook) => jobOfDelivery(eventId, webhook));
    await jobs.enqueueAll(transaction, 'webhook_delivery', added);
  };
