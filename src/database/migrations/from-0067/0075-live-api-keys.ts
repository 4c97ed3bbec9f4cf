import type { Migration } from '../migration.ts';

/**
 * An owner makes thousands of keys that end, and they stay for 400 days. A list of keys and the count for a quota read those alone that have not ended. Keys
 * are few in most installations, and the build of the index stops their writes for its time.
 */
export const liveApiKeys: Migration = {
  name: '0075-live-api-keys',
  up: [
    `create index if not exists api_key_live_index on api_key (owner_kind, owner_id, (coalesce(least(revoked_at, expires_at), 'infinity')))`,
  ],
  down: ['drop index api_key_live_index'],
};
