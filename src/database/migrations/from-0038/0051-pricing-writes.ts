import type { Migration } from '../migration.ts';

/**
 * `pricing_write` counts the bytes that an owner of pricing jobs has written since `window_start`. Space of deleted chunks is used
 * again after a vacuum of the table of their values, which by default pauses after little work and then takes longer than
 * two owners need to fill it.
 */
export const pricingWrites: Migration = {
  name: '0051-pricing-writes',
  up: [
    `create table pricing_write (
      owner_hash bigint primary key,
      window_start timestamptz not null,
      bytes bigint not null
    )`,
    `alter table pricing_chunk set (
      autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
      toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_cost_delay = 0
    )`,
  ],
  down: [
    `alter table pricing_chunk reset (
      autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay,
      toast.autovacuum_vacuum_scale_factor, toast.autovacuum_vacuum_cost_delay
    )`,
    'drop table pricing_write',
  ],
};
