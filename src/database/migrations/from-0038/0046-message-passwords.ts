import type { Migration } from '../migration.ts';

/**
 * The hash of the password of the registration that a message belongs to. Messages that wait during the migration have
 * none, so their confirmation changes no password.
 */
export const messagePasswords: Migration = {
  name: '0046-message-passwords',
  up: ['alter table mail_message add column password_hash text null'],
  down: ['alter table mail_message drop column password_hash'],
};
