import type { Clock } from '#src/kernel/ports/clock.ts';
import type { EndedKeys } from '#src/kernel/credentials/ended-subjects.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';

/**
 * Returns the API keys of `ids` that are revoked, expired or deleted. They are never valid again. It reads in the
 * transaction of the caller, because a replica may not know a new key yet.
 */
export const createEndedKeys =
  ({ clock }: { readonly clock: Clock }): EndedKeys =>
  async (query, ids) => {
    const known = ids.filter(isAccountId);
    if (known.length === 0) return [];
    const live = await query<{ id: string }>(
      `select id::text from api_key
       where id = any($1::text[]::uuid[]) and revoked_at is null and (expires_at is null or expires_at > $2)`,
      [known, clock.now()],
    );
    const alive = new Set(live.map(({ id }) => id));
    return known.filter((id) => !alive.has(id.toLowerCase()));
  };
