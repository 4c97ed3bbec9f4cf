import type { Migration } from '../migration.ts';

/**
 * Secrets that people or operators choose are stored as argon2id hashes. Secrets that the service makes from 256 random
 * bits are stored as digests.
 */
export const auth: Migration = {
  name: '0003-auth',
  up: [
    `create table oauth_client (
      id text primary key,
      name text not null,
      secret_hash text not null,
      scopes text[] not null,
      created_at timestamptz not null,
      rotated_at timestamptz null,
      revoked_at timestamptz null
    )`,
    `create table user_account (
      id uuid primary key,
      email text not null constraint user_account_email_unique unique,
      password_hash text not null,
      role text not null,
      scopes text[] not null,
      created_at timestamptz not null
    )`,
    `create table refresh_family (
      id uuid primary key,
      user_id uuid not null constraint refresh_family_user_id_foreign references user_account (id) on delete cascade,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      revoked_at timestamptz null,
      revoked_reason text null
    )`,
    'create index refresh_family_user_index on refresh_family (user_id)',
    'create index refresh_family_expires_index on refresh_family (expires_at)',
    `create table refresh_token (
      token_hash bytea primary key,
      family_id uuid not null constraint refresh_token_family_id_foreign references refresh_family (id) on delete cascade,
      scopes text[] not null,
      access_token_id text not null constraint refresh_token_access_token_unique unique,
      access_expires_at timestamptz not null,
      created_at timestamptz not null,
      used_at timestamptz null
    )`,
    'create index refresh_token_family_index on refresh_token (family_id)',
    `create table revoked_token (
      token_id text primary key,
      revoked_at timestamptz not null,
      expires_at timestamptz not null
    )`,
    'create index revoked_token_revoked_index on revoked_token (revoked_at)',
    'create index revoked_token_expires_index on revoked_token (expires_at)',
    `create table user_session (
      id uuid primary key,
      token_hash bytea not null constraint user_session_token_hash_unique unique,
      user_id uuid not null constraint user_session_user_id_foreign references user_account (id) on delete cascade,
      created_at timestamptz not null,
      seen_at timestamptz not null,
      expires_at timestamptz not null
    )`,
    'create index user_session_user_index on user_session (user_id)',
    'create index user_session_expires_index on user_session (expires_at)',
    `create table api_key (
      id uuid primary key,
      key_hash bytea not null constraint api_key_key_hash_unique unique,
      prefix text not null,
      name text not null,
      owner_kind text not null,
      owner_id text not null,
      scopes text[] not null,
      created_at timestamptz not null,
      expires_at timestamptz null,
      revoked_at timestamptz null,
      last_used_at timestamptz null
    )`,
    'create index api_key_owner_index on api_key (owner_kind, owner_id, id)',
  ],
  down: [
    'drop table api_key',
    'drop table user_session',
    'drop table revoked_token',
    'drop table refresh_token',
    'drop table refresh_family',
    'drop table user_account',
    'drop table oauth_client',
  ],
};
