import type { Migration } from '../migration.ts';

/** The token of the earlier system with which its user ended the other ones. It alone stays, whatever its time of issue is. */
export const keptLegacyTokens: Migration = {
  name: '0061-kept-legacy-tokens',
  up: ['alter table owner_end add column legacy_kept_token_id text null'],
  down: ['alter table owner_end drop column legacy_kept_token_id'],
};
