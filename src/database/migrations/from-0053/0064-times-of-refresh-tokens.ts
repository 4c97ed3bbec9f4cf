import type { Migration } from '../migration.ts';

/**
 * An owner can have 200 sign-ins with 3,000 refresh tokens each. The time of the last token of each is read for the list of sign-ins, and without
 * this index all 600,000 tokens were.
 */
export const timesOfRefreshTokens: Migration = {
  name: '0064-times-of-refresh-tokens',
  up: [
    'create index refresh_token_family_time_index on refresh_token (family_id, created_at)',
    'drop index refresh_token_family_index',
  ],
  down: [
    'create index refresh_token_family_index on refresh_token (family_id)',
    'drop index refresh_token_family_time_index',
  ],
};
