import type { Migration } from '../migration.ts';

/**
 * The network of the request that gave a chunk, as a keyed hash, so that the accounts of one network share a part of what all callers can
 * store. `pricing_write` has a row for each network too.
 */
export const networksOfChunks: Migration = {
  name: '0063-networks-of-chunks',
  up: [
    'alter table pricing_chunk add column network text',
    'create index pricing_chunk_network_index on pricing_chunk (network)',
    'alter table pricing_write add column is_network boolean not null default false',
  ],
  down: [
    'delete from pricing_write where is_network',
    'alter table pricing_write drop column is_network',
    'alter table pricing_chunk drop column network',
  ],
};
