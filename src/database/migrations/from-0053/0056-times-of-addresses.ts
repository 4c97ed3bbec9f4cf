import type { Migration } from '../migration.ts';

/**
 * When an account got its present address, because a token of the earlier system that is older belongs to another holder of the address.
 * Earlier changes are in the audit trail.
 */
export const timesOfAddresses: Migration = {
  name: '0056-times-of-addresses',
  up: [
    'alter table user_account add column email_since timestamptz null',
    `update user_account as account set email_since = event.changed_at
     from (select stream, max(occurred_at) as changed_at from audit_event where action = 'user.email_changed' group by stream) as event
     where event.stream = 'user:' || account.id`,
  ],
  down: ['alter table user_account drop column email_since'],
};
