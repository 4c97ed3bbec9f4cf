import type { Migration } from '../migration.ts';

/** The bucket of the network that an account was registered from, so that networks have equal shares of the accounts without a sign-in. */
export const registrationBuckets: Migration = {
  name: '0055-registration-buckets',
  up: ['alter table user_account add column registration_bucket int null'],
  down: ['alter table user_account drop column registration_bucket'],
};
