import type { Migration } from '../migration.ts';

/** The time when an account is removed on request of its user. */
export const accountRemoval: Migration = {
  name: '0032-account-removal',
  up: [
    'alter table user_account add column removal_at timestamptz null',
    'create index user_account_removal_index on user_account (removal_at)',
  ],
  down: ['drop index user_account_removal_index', 'alter table user_account drop column removal_at'],
};
