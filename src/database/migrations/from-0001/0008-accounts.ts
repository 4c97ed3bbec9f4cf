import type { Migration } from '../migration.ts';

export const accounts: Migration = {
  name: '0008-accounts',
  up: [
    `create table account_profile (
      user_id text primary key,
      version int not null,
      updated_at timestamptz not null,
      display_name text null,
      organization text null,
      time_zone text not null default 'UTC',
      locale text not null default 'en'
    )`,
    `create table account_settings (
      user_id text primary key,
      version int not null,
      updated_at timestamptz not null,
      theme text not null default 'system',
      currency text not null default 'USD',
      decimal_places int not null default 4,
      default_model text not null default 'black_scholes',
      default_universe text null,
      email_notifications boolean not null default false
    )`,
  ],
  down: ['drop table account_settings', 'drop table account_profile'],
};
