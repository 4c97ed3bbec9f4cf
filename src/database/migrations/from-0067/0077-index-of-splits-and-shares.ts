import type { Migration } from '../migration.ts';

/**
 * For the newest number of shares and the splits before the first bar of an index, which anybody may ask for. Files can have a dividend of each day before it.
 * The build of an index stops all writes to its table, so an operator can build it concurrently before.
 */
export const indexOfSplitsAndShares: Migration = {
  name: '0077-index-of-splits-and-shares',
  up: [
    `create index if not exists corporate_actions_shares_index on corporate_actions (asset_id, date)
     where split_factor is not null or shares is not null`,
  ],
  down: ['drop index corporate_actions_shares_index'],
};
