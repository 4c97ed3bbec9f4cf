import type { Migration } from '../migration.ts';

/**
 * When an address was registered again whose account was in use and whose owner had not proved it. Then only a reset of the
 * password proves the address.
 */
export const repeatedRegistrations: Migration = {
  name: '0049-repeated-registrations',
  up: ['alter table user_account add column registered_again_at timestamptz null'],
  down: ['alter table user_account drop column registered_again_at'],
};
