import type { Migration } from '../migration.ts';

export const webhooks: Migration = {
  name: '0010-webhooks',
  up: [
    `create table webhook (
      id uuid primary key,
      owner_kind text not null,
      owner_id text not null,
      url text not null,
      events text[] not null,
      secret_version int not null default 1,
      rotated_at timestamptz null,
      dead_in_row int not null default 0,
      disabled_at timestamptz null,
      disabled_reason text null,
      created_at timestamptz not null
    )`,
    'create index webhook_owner_index on webhook (owner_kind, owner_id, id)',
    `create table webhook_event (
      id uuid primary key,
      type text not null,
      body text not null,
      occurred_at timestamptz not null,
      fanned_out_at timestamptz null
    )`,
    `create table webhook_delivery (
      webhook_id uuid not null constraint webhook_delivery_webhook_id_foreign references webhook (id) on delete cascade,
      event_id uuid not null constraint webhook_delivery_event_id_foreign references webhook_event (id) on delete cascade,
      state text not null,
      attempts int not null default 0,
      status_code int null,
      outcome text null,
      duration_ms int null,
      attempted_at timestamptz null,
      created_at timestamptz not null,
      primary key (webhook_id, event_id)
    )`,
    'create index webhook_delivery_event_index on webhook_delivery (event_id)',
  ],
  down: ['drop table webhook_delivery', 'drop table webhook_event', 'drop table webhook'],
};
