import type { Transaction } from '#src/kernel/unit-of-work.ts';

/** Removes events older than `days`, with their deliveries. @returns how many events */
export const removeOldWebhookEvents = async ({ query }: Transaction, days: number): Promise<number> =>
  (await query(`delete from webhook_event where occurred_at < now() - $1 * interval '1 day' returning 1`, [days]))
    .length;
