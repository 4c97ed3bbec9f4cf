import type { Migration } from '../migration.ts';

/** `queued` is true while a refresh waits for a worker. */
export const queuedRefreshes: Migration = {
  name: '0006-queued-refreshes',
  up: ['alter table refresh add column queued boolean not null default false'],
  down: ['alter table refresh drop column queued'],
};
