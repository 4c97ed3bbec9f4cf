import type { Migration } from '../migration.ts';

export const calendar: Migration = {
  name: '0030-calendar',
  up: [
    `create table calendar_connection (
      id uuid primary key,
      owner_kind text not null,
      owner_id text not null,
      status text not null,
      account text null,
      scopes text[] not null,
      refresh_token text not null,
      access_token text not null,
      access_expires_at timestamptz not null,
      token_version int not null default 1,
      refresh_lease uuid null,
      refresh_lease_until timestamptz null,
      sync_token text null,
      sync_version int not null default 0,
      full_sync_at timestamptz null,
      last_sync_at timestamptz null,
      connected_at timestamptz not null,
      constraint calendar_connection_owner_unique unique (owner_kind, owner_id)
    )`,
    `create table calendar_consent (
      state_digest text primary key,
      owner_kind text not null,
      owner_id text not null,
      session_id text null,
      browser_digest text not null,
      code_verifier text not null,
      redirect_url text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null
    )`,
    'create index calendar_consent_owner_index on calendar_consent (owner_kind, owner_id, created_at)',
    `create table calendar_event (
      connection_id uuid not null constraint calendar_event_connection_id_foreign references calendar_connection (id) on delete cascade,
      event_id text not null,
      status text not null,
      summary text null,
      location text null,
      starts_at timestamptz not null,
      ends_at timestamptz not null,
      all_day boolean not null,
      time_zone text null,
      recurring_event_id text null,
      original_start text null,
      link text null,
      etag text null,
      updated_at timestamptz null,
      primary key (connection_id, event_id)
    )`,
    'create index calendar_event_start_index on calendar_event (connection_id, starts_at, event_id)',
    `create table calendar_revocation (
      id uuid primary key,
      owner_kind text not null,
      owner_id text not null,
      connection_id uuid not null,
      refresh_token text not null,
      created_at timestamptz not null
    )`,
    'create index calendar_revocation_owner_index on calendar_revocation (owner_kind, owner_id)',
  ],
  down: [
    'drop table calendar_revocation',
    'drop table calendar_event',
    'drop table calendar_consent',
    'drop table calendar_connection',
  ],
};
