import type { Migration } from '../migration.ts';

const noteDeletedUser = (
  ids: string,
): string => `create or replace function note_deleted_user() returns trigger language plpgsql as $$
    begin
      insert into owner_end (owner_kind, owner_id, reason, ended_at)
      select 'user', id, 'deleted', clock_timestamp() from unnest(${ids}) as id where id is not null
      on conflict (owner_kind, owner_id) do update set reason = excluded.reason, ended_at = excluded.ended_at;
      return null;
    end $$`;

/**
 * The time until which tokens of the earlier system are ended, because a change of the password ends them and not the access tokens
 * of the sign-in that made it. A deleted user is noted with the id of the earlier system too, because its tokens name this one.
 */
export const endedLegacyTokens: Migration = {
  name: '0053-ended-legacy-tokens',
  up: [
    'alter table owner_end add column legacy_ended_at timestamptz null',
    noteDeletedUser('array[old.id::text, old.legacy_id::text]'),
  ],
  down: [noteDeletedUser('array[old.id::text]'), 'alter table owner_end drop column legacy_ended_at'],
};
