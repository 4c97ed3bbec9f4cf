import type { Migration } from '../migration.ts';

/** Chunks whose job was given up are enqueued again once. */
export const resumedChunks: Migration = {
  name: '0076-resumed-chunks',
  up: ['alter table pricing_chunk add column if not exists is_resumed boolean not null default false'],
  down: ['alter table pricing_chunk drop column is_resumed'],
};
