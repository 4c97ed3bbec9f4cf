import type { Migration } from '../migration.ts';

/** `version` counts the changes that an administrator makes, for If-Match. */
export const userAdministration: Migration = {
  name: '0033-user-administration',
  up: ['alter table user_account add column version int not null default 0'],
  down: ['alter table user_account drop column version'],
};
