import type { Migration } from './migration.ts';

/**
 * `registration_count` counts registrations of a day by network. A refresh token that names its family is recognised as
 * reused without its row, so its row can be deleted before the family ends.
 */
export const boundedSignIns: Migration = {
  name: '0047-bounded-sign-ins',
  up: [
    `create table registration_count (
      day date not null,
      bucket integer not null,
      registrations integer not null,
      primary key (day, bucket)
    )`,
    'alter table refresh_token add column names_family boolean not null default false',
  ],
  down: ['alter table refresh_token drop column names_family', 'drop table registration_count'],
};
