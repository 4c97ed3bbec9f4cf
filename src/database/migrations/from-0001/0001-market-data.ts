import type { Migration } from '../migration.ts';

export const marketData: Migration = {
  name: '0001-market-data',
  up: [
    `create table asset (
      id serial primary key,
      symbol text not null constraint asset_symbol_unique unique,
      name text not null,
      exchange text not null,
      currency text not null
    )`,
    `create table price (
      asset_id int not null constraint price_asset_id_foreign references asset (id),
      date date not null,
      open double precision null,
      high double precision null,
      low double precision null,
      close double precision not null,
      volume double precision null,
      primary key (asset_id, date)
    )`,
    `create table market_index (
      id serial primary key,
      code text not null constraint market_index_code_unique unique,
      name text not null,
      universe text not null,
      method text not null
    )`,
    `create table index_constituent (
      index_id int not null constraint index_constituent_index_id_foreign references market_index (id),
      asset_id int not null constraint index_constituent_asset_id_foreign references asset (id),
      primary key (index_id, asset_id)
    )`,
    `create table index_value (
      index_id int not null constraint index_value_index_id_foreign references market_index (id),
      date date not null,
      value double precision not null,
      primary key (index_id, date)
    )`,
    `create table refresh (
      id uuid primary key,
      universe text not null,
      trigger text not null,
      status text not null,
      reason text null,
      error_detail text null,
      started_at timestamptz not null,
      finished_at timestamptz null,
      applied_at timestamptz null,
      assets int not null default 0,
      prices int not null default 0,
      index_values int not null default 0,
      source text null,
      trace_id text null
    )`,
    'create index refresh_status_index on refresh (status, universe, finished_at)',
  ],
  down: [
    'drop table refresh',
    'drop table index_value',
    'drop table index_constituent',
    'drop table market_index',
    'drop table price',
    'drop table asset',
  ],
};
