import type { Migration } from '../migration.ts';

/** The bytes of the stored events of a calendar, so that all calendars together have a max. The next sync sets it. */
export const calendarBytes: Migration = {
  name: '0054-calendar-bytes',
  up: ['alter table calendar_connection add column stored_bytes bigint not null default 0'],
  down: ['alter table calendar_connection drop column stored_bytes'],
};
