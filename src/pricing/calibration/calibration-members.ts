import { hestonNames, type HestonName } from '../engines/heston/heston-gradient.ts';
import { dividendYield, optionPrice, rate, spot, strike, timeToExpiry, type NumberInput } from '../models/inputs.ts';
import { volatility } from '../models/inputs.ts';

/** The members of a request to calibrate, for the reader and the documentation. */

export const maxQuotes = 1_000;
export const maxExpiries = 100;

export const objectives = ['implied_volatility', 'price'] as const;
export type Objective = (typeof objectives)[number];

export const marketNumbers: readonly NumberInput[] = [spot, rate, dividendYield];

export const iterationsInput: NumberInput = {
  name: 'max_iterations',
  minimum: 1,
  maximum: 500,
  default: 100,
  integer: true,
  description: 'Max steps of the fit from one start',
};

export const quoteTime: NumberInput = { ...timeToExpiry, exclusiveMinimum: true, description: 'Years to expiry' };
export const quoteVolatility: NumberInput = {
  ...volatility,
  name: 'implied_volatility',
  exclusiveMinimum: true,
  description: 'Implied volatility of the market by Black and Scholes, 0.2 for 20 %; in place of price',
};
export const quotePrice: NumberInput = {
  ...optionPrice,
  description: 'Price of the market; in place of implied_volatility',
};
export const quoteWeight: NumberInput = {
  name: 'weight',
  minimum: 0,
  exclusiveMinimum: true,
  maximum: 1e6,
  default: 1,
  description: 'Weight of the square of the error of this quote',
};
export const quoteStrike = strike;

/** The range of a parameter, in which bounds and the initial guess must be, and its bounds without those of the caller. */
type Range = { readonly input: NumberInput; readonly lower: number; readonly upper: number };
const range = (name: HestonName, minimum: number, maximum: number, lower: number, upper: number): Range => ({
  input: { name, minimum, maximum, description: `Between ${lower} and ${upper} without other bounds` },
  lower,
  upper,
});

export const parameterRanges: Readonly<Record<HestonName, Range>> = {
  v0: range('v0', 1e-8, 100, 1e-6, 4),
  kappa: range('kappa', 1e-6, 1_000, 1e-3, 50),
  theta: range('theta', 1e-8, 100, 1e-6, 4),
  sigma: range('sigma', 1e-4, 100, 1e-3, 3),
  rho: range('rho', -0.9999, 0.9999, -0.999, 0.999),
};
export const ranges: readonly Range[] = hestonNames.map((name) => parameterRanges[name]);

export const requestMembers = [
  'spot',
  'rate',
  'dividend_yield',
  'quotes',
  'valuation_date',
  'day_count',
  'calendar',
  'initial_guess',
  'bounds',
  'objective',
  'max_iterations',
] as const;
export const quoteMembers = [
  'strike',
  'time_to_expiry',
  'expiry',
  'contract',
  'option_type',
  'price',
  'implied_volatility',
  'weight',
] as const;
export const sides = ['lower', 'upper'] as const;
