import type { Migration } from '../migration.ts';

/**
 * Returns the constraint that a value is above 0 and finite; NULL is allowed. It is written '0'::float8 and not 0, as in
 * `src/market-data/entities.ts`, because MikroORM compares the text with that of PostgreSQL, which writes
 * `(0)::double precision` for a plain 0.
 */
const positive = (column: string): string =>
  `constraint corporate_actions_${column}_check check (${column} > '0'::float8 and ${column} < 'Infinity'::float8)`;

/**
 * Adds dividends, splits and numbers of shares, each with its effective date, and what a refresh records about the rows of an
 * uploaded file.
 *
 * - `dividend`: cash for one share, in the currency of the asset.
 * - `split_factor`: new shares for one old share, 4 for a split of 4 for 1.
 * - `shares`: the number of shares from this day on.
 */
export const uploads: Migration = {
  name: '0025-uploads',
  up: [
    `create table corporate_actions (
      asset_id int not null constraint corporate_actions_asset_id_foreign references asset (id),
      date date not null,
      dividend float8 null,
      split_factor float8 null,
      shares float8 null,
      primary key (asset_id, date),
      ${positive('dividend')},
      ${positive('split_factor')},
      ${positive('shares')},
      constraint corporate_actions_content_check check (num_nonnulls(dividend, split_factor, shares) > 0)
    )`,
    `alter table refresh
      add column rows_read int not null default 0,
      add column rows_written int not null default 0,
      add column row_errors jsonb not null default '[]',
      add column row_errors_total int not null default 0`,
  ],
  down: [
    `alter table refresh drop column rows_read, drop column rows_written, drop column row_errors,
      drop column row_errors_total`,
    'drop table corporate_actions',
  ],
};
