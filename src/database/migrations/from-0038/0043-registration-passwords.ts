import type { Migration } from '../migration.ts';

/**
 * What a token of a message is for: the hash of the password that the address was registered with, or the new address of
 * the change that is approved.
 */
export const registrationPasswords: Migration = {
  name: '0043-registration-passwords',
  up: ['alter table account_token add column password_hash text null, add column new_email text null'],
  down: ['alter table account_token drop column new_email, drop column password_hash'],
};
