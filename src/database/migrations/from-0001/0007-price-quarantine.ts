import type { Migration } from '../migration.ts';

export const priceQuarantine: Migration = {
  name: '0007-price-quarantine',
  up: [
    `create table price_quarantine (
      refresh_id uuid not null constraint price_quarantine_refresh_id_foreign references refresh (id) on delete cascade,
      asset_id int not null constraint price_quarantine_asset_id_foreign references asset (id),
      date date not null,
      price double precision not null,
      reference double precision not null,
      primary key (refresh_id, asset_id, date)
    )`,
    'alter table refresh add column quarantined int not null default 0',
  ],
  down: ['alter table refresh drop column quarantined', 'drop table price_quarantine'],
};
