import type { Migration } from '../migration.ts';

/** The secret that the receiver had before several rotations in a row signs too. */
export const overlapsOfWebhooks: Migration = {
  name: '0079-overlaps-of-webhooks',
  up: ['alter table webhook add column if not exists overlap_version integer'],
  down: ['alter table webhook drop column overlap_version'],
};
