import { countRemoved, removePart } from '#src/kernel/lists/removal.ts';
import { subjectsOfUserSql } from '#src/kernel/credentials/subjects-of-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';

// SQL: retention and the end of a subject delete sets.

/** Removes a part of the expired keys. @returns their number */
export const removeExpiredKeys = ({ query }: Transaction): Promise<number> =>
  removePart(query, { table: 'idempotency_key', where: 'expires_at <= now()' });

/** Removes the keys and stored answers of a user and of its API keys. @returns the number of keys */
export const removeKeysOf = ({ query }: Transaction, userId: string): Promise<number> =>
  countRemoved(query, `delete from idempotency_key where subject in ${subjectsOfUserSql}`, [userId]);
