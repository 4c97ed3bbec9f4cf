import type { Migration } from '../migration.ts';

/** `registration_count` counts registrations of a day by network. */
export const countedRegistrations: Migration = {
  name: '0047-counted-registrations',
  up: [
    `create table registration_count (
      day date not null,
      bucket integer not null,
      registrations integer not null,
      primary key (day, bucket)
    )`,
  ],
  down: ['drop table registration_count'],
};
