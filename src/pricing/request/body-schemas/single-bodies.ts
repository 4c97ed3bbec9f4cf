import type { Model } from '../../models/models.ts';
import { defaultGreeks, greekNames } from '../../models/outputs.ts';
import { unitSystems } from '../market-units.ts';
import { greeksGroup, maxOutputs } from '../read-option.ts';
import { documented, type JsonSchema } from './json-schema.ts';
import { optionParts, optionsByModel } from './option-schemas.ts';

export const outputsSchema = (names: readonly string[], fallback: readonly string[]): JsonSchema => ({
  type: 'array',
  minItems: 1,
  maxItems: maxOutputs,
  items: { type: 'string', enum: names },
  default: fallback,
});

export const strictUnits: JsonSchema = {
  type: 'boolean',
  default: false,
  description: 'A value that is probably in percent or days is an error, not a warning',
};
export const unitsSchema: JsonSchema = {
  type: 'string',
  enum: unitSystems,
  default: 'default',
  description: 'market: vega and rho per 1 %, theta per day, and the other greeks alike; else per 1.00 and per year',
};
export const presetSchema: JsonSchema = {
  type: 'string',
  description: 'A preset of the user (/settings/presets): its values apply where the request has none',
};
const single = { strict_units: strictUnits, preset: presetSchema };

export const exampleOption = {
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
};
const { volatility: _, ...withoutVolatility } = exampleOption;

export const priceBody = (models: readonly Model[]) => {
  const { any, definitions } = optionsByModel(models, { suffix: 'PricingRequest', purpose: 'price', members: single });
  const schema = {
    ...any,
    description:
      'One option. Without `model` it is priced by the model of the preset or of the settings of the user, else a European one by black_scholes',
  };
  return documented('PricingRequest', { ...schema, examples: [exampleOption] }, { ...optionParts, ...definitions });
};

export const greeksBody = (models: readonly Model[]) => {
  const outputs = outputsSchema([...greekNames, greeksGroup], defaultGreeks);
  const members = { ...single, outputs, units: unitsSchema };
  const { any, definitions } = optionsByModel(models, { suffix: 'GreeksRequest', purpose: 'price', members });
  const schema = { ...any, description: 'One option, and the greeks that the answer should have' };
  const examples = [{ ...exampleOption, outputs: ['delta', 'gamma', 'vanna'] }];
  return documented('GreeksRequest', { ...schema, examples }, { ...optionParts, ...definitions });
};

export const impliedBody = (models: readonly Model[]) => {
  const inverting = models.filter(({ outputs }) => outputs.includes('implied_volatility'));
  const suffix = 'ImpliedVolatilityRequest';
  const { any, definitions } = optionsByModel(inverting, { suffix, purpose: 'implied_volatility', members: single });
  const schema = { ...any, description: 'One option with its price in place of the volatility' };
  const examples = [{ ...withoutVolatility, price: 4.2 }];
  return documented(suffix, { ...schema, examples }, { ...optionParts, ...definitions });
};
