import type { Migration } from '../migration.ts';

/** Named sets of pricing parameters of a user. */
export const pricingPresets: Migration = {
  name: '0036-pricing-presets',
  up: [
    `create table pricing_preset (
      user_id uuid not null constraint pricing_preset_user_id_foreign references user_account (id) on delete cascade,
      name text not null,
      preset_values jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      primary key (user_id, name)
    )`,
  ],
  down: ['drop table pricing_preset'],
};
