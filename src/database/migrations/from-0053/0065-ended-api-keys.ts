import type { Migration } from '../migration.ts';

/** Keys that ended long ago are removed. Without these indexes each removal would read the keys of all owners. */
export const endedApiKeys: Migration = {
  name: '0065-ended-api-keys',
  up: [
    'create index api_key_revoked_index on api_key (revoked_at)',
    'create index api_key_expires_index on api_key (expires_at)',
  ],
  down: ['drop index api_key_revoked_index', 'drop index api_key_expires_index'],
};
