import type { Migration } from '../migration.ts';

/** Who caused a message: the account, and a keyed hash of the network. Messages of both are limited. */
export const mailCausers: Migration = {
  name: '0038-mail-causers',
  up: [
    'alter table mail_message add column caused_by_user uuid null, add column caused_by_network bytea null',
    'create index mail_message_caused_by_user_index on mail_message (caused_by_user, created_at)',
    'create index mail_message_caused_by_network_index on mail_message (caused_by_network, created_at)',
  ],
  down: [
    'drop index mail_message_caused_by_network_index',
    'drop index mail_message_caused_by_user_index',
    'alter table mail_message drop column caused_by_network, drop column caused_by_user',
  ],
};
