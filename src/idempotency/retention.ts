import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

/** Removes keys whose hours are over. @returns how many */
export const removeExpiredKeys = async ({ query }: Transaction): Promise<number> =>
  (await query('delete from idempotency_key where expires_at <= now() returning 1')).length;

/** Removes the keys of these callers (`user:ID`, `api_key:ID`), with the answers stored under them. @returns how many */
export const removeKeysOf = async ({ query }: Transaction, subjects: readonly string[]): Promise<number> =>
  (await query('delete from idempotency_key where subject = any($1::text[]) returning 1', [subjects])).length;
