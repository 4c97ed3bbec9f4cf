import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { isEndedKeySql } from '#src/kernel/credentials/ended-keys.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

// SQL: expired keys are deleted as a set.

export type IdempotencyQuotaDeps = {
  readonly maxKeysPerOwner: number;
  readonly abuse: AbuseReport;
};

export type IdempotencyQuota = {
  /**
   * Must be called after the key was stored, in the same transaction. Requests at the same time do not wait for each
   * other, so together they can exceed the quota by their number.
   * @throws AppError `quota_exceeded`; then the transaction must be rolled back
   */
  readonly assertKeys: (query: Query, owner: string) => Promise<void>;
};

export const createIdempotencyQuota = (deps: IdempotencyQuotaDeps): IdempotencyQuota => {
  const { maxKeysPerOwner, abuse } = deps;
  const count = async (query: Query, owner: string): Promise<number> => {
    const [stored] = await query<{ keys: number }>(
      `select count(*)::int as keys from (select 1 from idempotency_key where counted_against = $1 limit $2) as stored`,
      [owner, maxKeysPerOwner + 1],
    );
    return stored!.keys;
  };

  /** Nobody can repeat a request of an API key that has ended, and a thief may have used up the quota with it. */
  const removeOfEndedKeys = async (query: Query, owner: string): Promise<void> => {
    await query(
      `delete from idempotency_key where counted_against = $1 and ${isEndedKeySql('idempotency_key.subject')}`,
      [owner],
    );
  };

  return {
    assertKeys: async (query, owner) => {
      let wanted = await count(query, owner);
      if (wanted > maxKeysPerOwner) {
        // Expired keys must not count, and the retention job removes them only once a day.
        await query('delete from idempotency_key where counted_against = $1 and expires_at <= now()', [owner]);
        await removeOfEndedKeys(query, owner);
        wanted = await count(query, owner);
      }
      assertWithinQuota(abuse, {
        quota: 'idempotency_keys',
        wanted,
        max: maxKeysPerOwner,
        unit: 'keys',
        remedy: 'Send the request without Idempotency-Key, or wait until earlier keys expire.',
      });
    },
  };
};
