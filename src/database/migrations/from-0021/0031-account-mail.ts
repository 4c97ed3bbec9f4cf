import type { Migration } from '../migration.ts';

/** The outbox of e-mail, and the tokens that messages carry. Only digests of tokens are stored. */
export const accountMail: Migration = {
  name: '0031-account-mail',
  up: [
    `create table mail_message (
      id uuid primary key,
      kind text not null,
      recipient text not null,
      user_id uuid null,
      state text not null,
      attempts int not null default 0,
      error_code text null,
      created_at timestamptz not null,
      settled_at timestamptz null
    )`,
    'create index mail_message_recipient_index on mail_message (recipient, kind, created_at)',
    'create index mail_message_state_index on mail_message (state, created_at)',
    `create table account_token (
      token_hash bytea primary key,
      user_id uuid not null constraint account_token_user_id_foreign references user_account (id) on delete cascade,
      purpose text not null,
      email text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null
    )`,
    'create index account_token_user_index on account_token (user_id, purpose)',
    'create index account_token_expires_index on account_token (expires_at)',
    `create table email_change (
      user_id uuid primary key constraint email_change_user_id_foreign references user_account (id) on delete cascade,
      new_email text not null,
      confirmed_at timestamptz null,
      approved_at timestamptz null,
      created_at timestamptz not null,
      expires_at timestamptz not null
    )`,
    'create index email_change_expires_index on email_change (expires_at)',
    'alter table user_account add column email_verified_at timestamptz null',
  ],
  down: [
    'alter table user_account drop column email_verified_at',
    'drop table email_change',
    'drop table account_token',
    'drop table mail_message',
  ],
};
