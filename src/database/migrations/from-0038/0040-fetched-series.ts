import type { Migration } from '../migration.ts';

/** Series that a refresh has fetched and not yet applied, so that a restart does not fetch them again. */
export const fetchedSeries: Migration = {
  name: '0040-fetched-series',
  up: [
    `create table fetched_series (
      universe text not null,
      symbol text not null,
      source text not null,
      price_interval text not null,
      history_from date not null,
      since date null,
      bar_count int not null,
      bars text not null,
      fetched_at timestamptz not null default now(),
      primary key (universe, symbol)
    )`,
  ],
  down: ['drop table fetched_series'],
};
