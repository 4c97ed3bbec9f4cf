import type { Migration } from '../migration.ts';

/** The last check of the prices of each universe. A check can be repeated at any time, so nothing is lost with it. */
export const universeQuality: Migration = {
  name: '0044-universe-quality',
  up: [
    `create table universe_quality (
      universe text primary key constraint universe_quality_universe_foreign references universe (name) on delete cascade,
      version int not null,
      exchange text null,
      expected_day date null,
      applied_at timestamptz null,
      held_back int not null,
      fresh int not null,
      stale int not null,
      missing int not null,
      missing_recent int not null,
      missing_older int not null,
      missing_assets int not null,
      newest_missing jsonb not null,
      measured_at timestamptz not null
    )`,
  ],
  down: ['drop table universe_quality'],
};
