import type { Migration } from '../migration.ts';

/** The last fetch of the whole history of each series, so that other refreshes ask only for its end. */
export const seriesHistory: Migration = {
  name: '0039-series-history',
  up: ['alter table asset add column history_from date null, add column history_at timestamptz null'],
  down: ['alter table asset drop column history_at, drop column history_from'],
};
