import type { Migration } from '../migration.ts';

/** A deleted asset is looked for in the tables that refer to it. Without these indexes each of them would be read as a whole. */
export const indexesOfAssetKeys: Migration = {
  name: '0069-indexes-of-asset-keys',
  up: [
    'create index if not exists index_constituent_asset_index on index_constituent (asset_id)',
    'create index if not exists price_quarantine_asset_index on price_quarantine (asset_id)',
  ],
  down: ['drop index price_quarantine_asset_index', 'drop index index_constituent_asset_index'],
};
