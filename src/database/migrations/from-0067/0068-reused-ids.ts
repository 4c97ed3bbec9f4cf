import type { Migration } from '../migration.ts';

/** Ids of 4 bytes end. A rollback and a deleted row give no id back, so the sequences begin anew at their end. */
export const reusedIds: Migration = {
  name: '0068-reused-ids',
  up: ['alter sequence asset_id_seq cycle', 'alter sequence market_index_id_seq cycle'],
  down: ['alter sequence asset_id_seq no cycle', 'alter sequence market_index_id_seq no cycle'],
};
