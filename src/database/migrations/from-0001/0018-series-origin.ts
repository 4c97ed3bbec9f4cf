import type { Migration } from '../migration.ts';

/**
 * The source and interval of each series, the reason of each held-back bar, and what a refresh did with whole series.
 * The source of a series that is already stored is not known; the next refresh records it.
 */
export const seriesOrigin: Migration = {
  name: '0018-series-origin',
  up: [
    'alter table asset add column price_source text null, add column price_interval text null',
    `alter table price_quarantine add column reason text not null default 'moved_too_far'`,
    `alter table refresh add column series_replaced jsonb not null default '[]',
      add column series_held_back jsonb not null default '[]'`,
  ],
  down: [
    `update refresh set status = 'succeeded' where status = 'succeeded_with_quarantine'`,
    'alter table refresh drop column series_replaced, drop column series_held_back',
    'alter table price_quarantine drop column reason',
    'alter table asset drop column price_source, drop column price_interval',
  ],
};
