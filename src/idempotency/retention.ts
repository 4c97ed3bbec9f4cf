import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a subject delete sets.

/** Removes expired keys. @returns their number */
export const removeExpiredKeys = async ({ query }: Transaction): Promise<number> =>
  (await query('delete from idempotency_key where expires_at <= now() returning 1')).length;

/**
 * Removes the keys and stored answers of callers. @param subjects `user:ID`, `api_key:ID` @returns the number of keys
 */
export const removeKeysOf = async ({ query }: Transaction, subjects: readonly string[]): Promise<number> =>
  (await query('delete from idempotency_key where subject = any($1::text[]) returning 1', [subjects])).length;
