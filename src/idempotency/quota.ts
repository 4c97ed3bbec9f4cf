import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

export type IdempotencyQuotaDependencies = { readonly maxKeysPerOwner: number; readonly abuse: AbuseReport };

export type IdempotencyQuota = {
  /**
   * After a key was stored. Requests at the same time may pass the quota by their number, because they do not wait for
   * each other.
   * @throws AppError `quota_exceeded`: roll back
   */
  readonly assertKeys: (query: Query, owner: string) => Promise<void>;
};

export const createIdempotencyQuota = ({ maxKeysPerOwner, abuse }: IdempotencyQuotaDependencies): IdempotencyQuota => {
  const count = async (query: Query, owner: string): Promise<number> => {
    const [held] = await query<{ keys: number }>(
      `select count(*)::int as keys from (select 1 from idempotency_key where counted_against = $1 limit $2) as held`,
      [owner, maxKeysPerOwner + 1],
    );
    return held!.keys;
  };

  return {
    assertKeys: async (query, owner) => {
      let wanted = await count(query, owner);
      if (wanted > maxKeysPerOwner) {
        // Retention removes them once a day; they must not cost the owner anything until then.
        await query('delete from idempotency_key where counted_against = $1 and expires_at <= now()', [owner]);
        wanted = await count(query, owner);
      }
      assertWithinQuota(abuse, {
        quota: 'idempotency_keys',
        wanted,
        max: maxKeysPerOwner,
        unit: 'keys',
        remedy: 'Send the request without Idempotency-Key, or wait until earlier keys are forgotten.',
      });
    },
  };
};
