import type { Migration } from '../migration.ts';

/** Whether a token of the earlier system began a consent for a calendar, so that the consent ends with such tokens. */
export const consentsOfLegacyTokens: Migration = {
  name: '0062-consents-of-legacy-tokens',
  up: ['alter table calendar_consent add column legacy_token boolean not null default false'],
  down: ['alter table calendar_consent drop column legacy_token'],
};
