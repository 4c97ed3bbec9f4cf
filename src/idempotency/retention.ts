import type { Transaction } from '#src/kernel/unit-of-work.ts';

/** Removes keys whose hours are over. @returns how many */
export const removeExpiredKeys = async ({ query }: Transaction): Promise<number> =>
  (await query('delete from idempotency_key where expires_at <= now() returning 1')).length;
