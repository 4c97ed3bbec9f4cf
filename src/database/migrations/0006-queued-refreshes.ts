import type { Migration } from './migration.ts';

/** A refresh that waits for a worker; false once one has begun. */
export const queuedRefreshes: Migration = {
  name: '0006-queued-refreshes',
  up: ['alter table refresh add column queued boolean not null default false'],
  down: ['alter table refresh drop column queued'],
};
