import type { Migration } from '../migration.ts';

/** The access token that a consent for a calendar was begun with, so that the consent ends with the token. */
export const consentTokens: Migration = {
  name: '0050-consent-tokens',
  up: ['alter table calendar_consent add column token_id text null'],
  down: ['alter table calendar_consent drop column token_id'],
};
