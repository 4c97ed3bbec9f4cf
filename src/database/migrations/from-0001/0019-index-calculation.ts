import type { Migration } from '../migration.ts';

/**
 * What the stored values of an index were calculated from, with a digest of them. If it does not fit, the index is
 * calculated from its first date on. Null: not calculated since this column exists.
 */
export const indexCalculation: Migration = {
  name: '0019-index-calculation',
  up: ['alter table market_index add column calculation text null'],
  down: ['alter table market_index drop column calculation'],
};
