import { subjectsOfUserSql } from '#src/kernel/credentials/subjects-of-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a subject delete sets.

/** Removes expired keys. @returns their number */
export const removeExpiredKeys = async ({ query }: Transaction): Promise<number> =>
  (await query('delete from idempotency_key where expires_at <= now() returning 1')).length;

/** Removes the keys and stored answers of a user and of its API keys. @returns the number of keys */
export const removeKeysOf = async ({ query }: Transaction, userId: string): Promise<number> =>
  (await query(`delete from idempotency_key where subject in ${subjectsOfUserSql} returning 1`, [userId])).length;
