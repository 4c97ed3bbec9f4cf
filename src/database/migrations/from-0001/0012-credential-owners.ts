import type { Migration } from '../migration.ts';

/**
 * Records that an owner was deleted or disabled; it stays after the row of the owner is deleted. The trigger records
 * each deleted user, whichever program deletes the row. Without the record, tokens of a deleted user could not be
 * distinguished from tokens of users that never had an account here.
 */
export const credentialOwners: Migration = {
  name: '0012-credential-owners',
  up: [
    `create table owner_end (
      owner_kind text not null,
      owner_id text not null,
      reason text not null,
      ended_at timestamptz not null,
      primary key (owner_kind, owner_id)
    )`,
    `create function note_deleted_user() returns trigger language plpgsql as $$
    begin
      insert into owner_end (owner_kind, owner_id, reason, ended_at)
      values ('user', old.id::text, 'deleted', clock_timestamp())
      on conflict (owner_kind, owner_id) do update set reason = excluded.reason, ended_at = excluded.ended_at;
      return null;
    end $$`,
    `create trigger user_account_deleted after delete on user_account for each row execute function note_deleted_user()`,
    `create table sign_in_place (
      user_id uuid not null constraint sign_in_place_user_id_foreign references user_account (id) on delete cascade,
      place_hash bytea not null,
      seen_at timestamptz not null,
      primary key (user_id, place_hash)
    )`,
    'create index sign_in_place_seen_index on sign_in_place (seen_at)',
    'create index refresh_family_revoked_index on refresh_family (revoked_at)',
  ],
  down: [
    'drop index refresh_family_revoked_index',
    'drop table sign_in_place',
    'drop trigger user_account_deleted on user_account',
    'drop function note_deleted_user()',
    'drop table owner_end',
  ],
};
