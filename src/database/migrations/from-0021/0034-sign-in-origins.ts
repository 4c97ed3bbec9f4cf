import type { Migration } from '../migration.ts';

/** What a user sees of a sign-in: the kind of program, and whether it came from the same network. No address is stored. */
export const signInOrigins: Migration = {
  name: '0034-sign-in-origins',
  up: [
    'alter table user_session add column agent text null, add column place_hash bytea null',
    'alter table refresh_family add column agent text null, add column place_hash bytea null',
  ],
  down: [
    'alter table refresh_family drop column agent, drop column place_hash',
    'alter table user_session drop column agent, drop column place_hash',
  ],
};
