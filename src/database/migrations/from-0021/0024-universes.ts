import type { Migration } from '../migration.ts';

/**
 * Universes as data. `universe_asset` and `universe_index` repeat names of the definition, so that PostgreSQL can refuse
 * an index code that another universe has, and can find the universes of a symbol.
 */
export const universes: Migration = {
  name: '0024-universes',
  up: [
    `create table universe (
      name text primary key,
      version int not null,
      origin text not null,
      source text not null,
      interval text not null,
      definition jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`,
    `create table universe_asset (
      universe text not null constraint universe_asset_universe_foreign references universe (name) on delete cascade,
      symbol text not null,
      primary key (universe, symbol)
    )`,
    'create index universe_asset_symbol_index on universe_asset (symbol)',
    `create table universe_index (
      code text primary key,
      universe text not null constraint universe_index_universe_foreign references universe (name) on delete cascade
    )`,
    'create index universe_index_universe_index on universe_index (universe)',
    'create table universe_bundle (name text primary key)',
    'alter table refresh add column universe_version int null',
  ],
  down: [
    'alter table refresh drop column universe_version',
    'drop table universe_bundle',
    'drop table universe_index',
    'drop table universe_asset',
    'drop table universe',
  ],
};
