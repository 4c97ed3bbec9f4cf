import type { Migration } from '../migration.ts';

/**
 * The symbol of the provider, so that two universes cannot fill the series of one asset with the prices of two securities. Null: the
 * symbol itself.
 */
export const providerSymbols: Migration = {
  name: '0052-provider-symbols',
  up: [
    'alter table universe_asset add column provider_symbol text null',
    `update universe_asset as own set provider_symbol = asset ->> 'provider_symbol'
     from universe, jsonb_array_elements(universe.definition -> 'assets') as asset
     where own.universe = universe.name and own.symbol = asset ->> 'symbol' and asset ->> 'provider_symbol' is not null`,
  ],
  down: ['alter table universe_asset drop column provider_symbol'],
};
