import type { Migration } from '../migration.ts';

/**
 * For the last refresh of a universe, which each status and each check of prices reads: without them all records of the universe were read and sorted.
 * One owner can add 10,000 records a day.
 */
export const indexesOfRefreshes: Migration = {
  name: '0074-indexes-of-refreshes',
  up: [
    'create index if not exists refresh_universe_started_index on refresh (universe, started_at)',
    'create index if not exists refresh_universe_applied_index on refresh (universe, applied_at) where applied_at is not null',
  ],
  down: ['drop index refresh_universe_applied_index', 'drop index refresh_universe_started_index'],
};
