import type { Migration } from '../migration.ts';

const isUnclaimed = 'first_signed_in_at is null and email_verified_at is null and legacy_id is null';

/**
 * Only accounts that were registered are removed as unused ones, and these have a bucket. Earlier registrations get the bucket of
 * unknown networks. Accounts that act only with tokens of the earlier system are in use from now on.
 */
export const claimedAccounts: Migration = {
  name: '0060-claimed-accounts',
  up: [
    `update user_account as account set registration_bucket = 0
     where registration_bucket is null and ${isUnclaimed} and exists (
       select 1 from audit_event where stream = 'user:' || account.id and action = 'user.registered')`,
    `update user_account as account set first_signed_in_at = now()
     where ${isUnclaimed} and (
       exists (select 1 from audit_event where actor_kind = 'user' and actor_subject = account.id::text)
       or exists (select 1 from pricing_job where subject = 'user:' || account.id))`,
  ],
  down: [],
};
