import type { Migration } from '../migration.ts';

/**
 * States from which the calculation of an index continues, and the changes of its divisor. Both follow from the prices
 * and the definition: a refresh writes them again.
 */
export const indexHistory: Migration = {
  name: '0026-index-history',
  up: [
    `create table index_checkpoint (
      index_id int not null constraint index_checkpoint_index_id_foreign references market_index (id),
      date date not null,
      ordinal int not null,
      state bytea not null,
      primary key (index_id, date)
    )`,
    `create table index_divisor (
      index_id int not null constraint index_divisor_index_id_foreign references market_index (id),
      date date not null,
      before float8 null,
      after float8 not null,
      causes jsonb not null,
      primary key (index_id, date)
    )`,
  ],
  down: ['drop table index_divisor', 'drop table index_checkpoint'],
};
