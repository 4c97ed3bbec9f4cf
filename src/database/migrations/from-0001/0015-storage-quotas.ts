import type { Migration } from '../migration.ts';

/**
 * The owner whose quota a row counts against: kind and id of a user or client; for an API key, of its owner. Rows of an
 * earlier version have no owner. They count against no quota and are removed after their retention time.
 */
export const storageQuotas: Migration = {
  name: '0015-storage-quotas',
  up: [
    'alter table pricing_job add column owner text null',
    'create index pricing_job_owner_index on pricing_job (owner)',
    'alter table idempotency_key add column counted_against text null',
    'create index idempotency_key_counted_against_index on idempotency_key (counted_against)',
    'alter table user_account add column first_signed_in_at timestamptz null',
    'update user_account set first_signed_in_at = created_at',
    'create index user_account_sign_in_index on user_account (first_signed_in_at, created_at)',
    `create function note_first_sign_in() returns trigger language plpgsql as $$
    begin
      update user_account set first_signed_in_at = new.created_at
      where id = new.user_id and first_signed_in_at is null;
      return null;
    end $$`,
    `create trigger refresh_family_first_sign_in after insert on refresh_family
      for each row execute function note_first_sign_in()`,
    `create trigger user_session_first_sign_in after insert on user_session
      for each row execute function note_first_sign_in()`,
    `create table audit_refusal_window (
      stream text primary key,
      started_at timestamptz not null,
      recorded int not null,
      omitted int not null
    )`,
    'create index audit_refusal_window_started_index on audit_refusal_window (started_at)',
  ],
  down: [
    'drop table audit_refusal_window',
    'drop trigger user_session_first_sign_in on user_session',
    'drop trigger refresh_family_first_sign_in on refresh_family',
    'drop function note_first_sign_in()',
    'drop index user_account_sign_in_index',
    'alter table user_account drop column first_signed_in_at',
    'drop index idempotency_key_counted_against_index',
    'alter table idempotency_key drop column counted_against',
    'drop index pricing_job_owner_index',
    'alter table pricing_job drop column owner',
  ],
};
