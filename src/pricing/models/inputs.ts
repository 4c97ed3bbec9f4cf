import { optionTypes } from './engine.ts';

/** A numeric member of a pricing request. Validation, documentation and `GET /pricing/models` all use it. */
export type NumberInput = {
  readonly name: string;
  readonly minimum: number;
  readonly exclusiveMinimum?: true;
  readonly maximum: number;
  /** Absent: the member is required, unless it is optional. */
  readonly default?: number;
  readonly optional?: true;
  readonly integer?: true;
  /** A unit that callers often mistake. A value above `usualMax` is probably in percent or days. */
  readonly unit?: { readonly name: 'decimal' | 'years'; readonly usualMax: number; readonly example: string };
  readonly description: string;
};

/** Max absolute value of prices and of the Bachelier volatility. */
const MAX_PRICE = 1e12;

/**
 * Min of prices that must be positive. Far below it, results would be subnormal numbers, which have fewer digits and take
 * several times as long.
 */
const MIN_PRICE = 1e-12;

const price = (name: string, description: string): NumberInput => ({
  name,
  minimum: MIN_PRICE,
  maximum: MAX_PRICE,
  description,
});
const signedPrice = (name: string, description: string): NumberInput => ({
  name,
  minimum: -MAX_PRICE,
  maximum: MAX_PRICE,
  description,
});

export const spot = price('spot', 'Price of the underlying');
export const forward = price('forward', 'Forward price of the underlying for the expiry');
export const strike = price('strike', 'Strike price');
export const signedForward = signedPrice('forward', 'Forward price of the underlying for the expiry; may be negative');
export const signedStrike = signedPrice('strike', 'Strike price; may be negative');
export const timeToExpiry: NumberInput = {
  name: 'time_to_expiry',
  minimum: 0,
  maximum: 200,
  unit: { name: 'years', usualMax: 50, example: '0.5 for half a year' },
  description: 'Years to expiry; 0 is the payoff',
};
export const rate: NumberInput = {
  name: 'rate',
  minimum: -1,
  maximum: 10,
  unit: { name: 'decimal', usualMax: 1, example: '0.03 for 3 %' },
  description: 'Risk-free rate, continuously compounded, per year',
};
export const dividendYield: NumberInput = {
  name: 'dividend_yield',
  minimum: -1,
  maximum: 10,
  default: 0,
  unit: { name: 'decimal', usualMax: 1, example: '0.03 for 3 %' },
  description: 'Dividend yield, continuously compounded, per year',
};
export const volatility: NumberInput = {
  name: 'volatility',
  minimum: 0,
  maximum: 100,
  unit: { name: 'decimal', usualMax: 5, example: '0.2 for 20 %' },
  description: 'Volatility per square root of a year, 0.2 for 20 %; 0 is the discounted payoff of the forward',
};
export const absoluteVolatility: NumberInput = {
  name: 'volatility',
  minimum: 0,
  maximum: MAX_PRICE,
  description: 'Absolute volatility, in price units per square root of a year',
};

/** Heston does not use this volatility. It is allowed, because a row may be made for several models. */
export const unusedVolatility: NumberInput = {
  ...volatility,
  optional: true,
  description: 'Echoed; the parameters of heston take its place',
};
/** It is odd, because the tree needs an odd number. The error of an American price is then about 1e-4 of the strike. */
export const defaultSteps = 501;
export const steps: NumberInput = {
  name: 'steps',
  minimum: 11,
  maximum: 10_001,
  default: defaultSteps,
  integer: true,
  description: 'Steps of the tree; an even number is raised by one',
};
export const barrier = price('barrier', 'Level that knocks the option in or out when the spot touches it');
export const rebate: NumberInput = {
  name: 'rebate',
  minimum: 0,
  maximum: MAX_PRICE,
  default: 0,
  description: 'Amount that a knock-out option pays when it is touched, a knock-in option at expiry if it was not',
};
export const cash: NumberInput = {
  name: 'cash',
  minimum: MIN_PRICE,
  maximum: MAX_PRICE,
  default: 1,
  description: 'Amount that is paid if the option ends in the money',
};
/** The price from which the implied volatility is calculated. */
export const optionPrice = signedPrice('price', 'Market price of the option');

const parameter = (name: string, description: string, minimum = 0, maximum = 1e4): NumberInput => ({
  name,
  minimum,
  maximum,
  description,
});
export const hestonParameters: readonly NumberInput[] = [
  parameter('v0', 'Initial variance, per year'),
  parameter('kappa', 'Speed of mean reversion of the variance, per year', 0, 1e6),
  parameter('theta', 'Long-run variance, per year'),
  parameter('sigma', 'Volatility of the variance, per square root of a year'),
  parameter('rho', 'Correlation of the spot and its variance', -1, 1),
];
export const dividendMembers: readonly NumberInput[] = [
  { ...timeToExpiry, name: 'time', exclusiveMinimum: true, description: 'Years until the dividend is paid' },
  { name: 'amount', minimum: 0, maximum: MAX_PRICE, description: 'Amount of the dividend' },
];
export const maxDividends = 1000;

export const isRequired = (input: NumberInput): boolean => input.default === undefined && input.optional === undefined;

export const isInRange = (input: NumberInput, value: number): boolean =>
  value <= input.maximum &&
  (input.exclusiveMinimum ? value > input.minimum : value >= input.minimum) &&
  (input.integer === undefined || Number.isInteger(value));

/** Very large and very small limits are both in the notation with an exponent: `1e-12`, `1e12`. */
const shortNumber = (value: number): string =>
  Math.abs(value) >= 1e9 ? value.toExponential().replace('+', '') : String(value);

export const rangeOf = ({ integer, exclusiveMinimum, minimum, maximum }: NumberInput): string => {
  if (integer) return `an integer from ${shortNumber(minimum)} to ${shortNumber(maximum)}`;
  const lower = `${exclusiveMinimum ? 'greater than' : 'at least'} ${shortNumber(minimum)}`;
  return `${lower} and at most ${shortNumber(maximum)}`;
};

/** JSON Schema (2020-12, OpenAPI 3.1) of one numeric member. */
export const schemaOf = (input: NumberInput): Record<string, unknown> => ({
  type: input.integer ? 'integer' : 'number',
  [input.exclusiveMinimum ? 'exclusiveMinimum' : 'minimum']: input.minimum,
  maximum: input.maximum,
  ...(input.default === undefined ? {} : { default: input.default }),
  description: input.description,
});

export const optionTypeSchema = { type: 'string', enum: optionTypes };
