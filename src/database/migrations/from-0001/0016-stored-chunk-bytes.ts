import type { Migration } from '../migration.ts';

/**
 * The bytes that a chunk stores or will store: they are reserved before they are written. `external` stores the values
 * without compression, because numbers hardly compress, and so that PostgreSQL reads a part without the rest.
 */
export const storedChunkBytes: Migration = {
  name: '0016-stored-chunk-bytes',
  up: [
    'alter table pricing_chunk add column stored_bytes int not null default 0',
    'update pricing_chunk set stored_bytes = coalesce(octet_length(input), 0) + coalesce(octet_length(output), 0)',
    'alter table pricing_chunk alter column input set storage external',
    'alter table pricing_chunk alter column output set storage external',
  ],
  down: [
    'alter table pricing_chunk alter column output set storage extended',
    'alter table pricing_chunk alter column input set storage extended',
    `delete from pricing_chunk where status = 'storing'`,
    'alter table pricing_chunk drop column stored_bytes',
  ],
};
