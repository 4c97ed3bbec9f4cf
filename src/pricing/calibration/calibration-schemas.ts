import { z } from 'zod';
import { calibrationStopReasons } from '#src/kernel/catalogue/pricing-models.ts';
import { hestonNames } from '../engines/heston/heston-gradient.ts';
import { optionTypes } from '../models/engine.ts';
import { optionTypeSchema, schemaOf } from '../models/inputs.ts';
import { hestonSchema } from '../request/answer-schemas.ts';
import { documented, referTo, type JsonSchema } from '../request/body-schemas/json-schema.ts';
import { optionParts } from '../request/body-schemas/option-schemas.ts';
import { conventionTexts } from '../request/conventions/convention-members.ts';
import {
  iterationsInput,
  marketNumbers,
  maxExpiries,
  maxQuotes,
  objectives,
  quotePrice,
  quoteStrike,
  quoteTime,
  quoteVolatility,
  quoteWeight,
  ranges,
  sides,
} from './calibration-members.ts';

const textSchema = (name: keyof typeof conventionTexts): JsonSchema => ({
  type: 'string',
  description: conventionTexts[name],
});
const having = (...required: readonly string[]): JsonSchema => ({ required });
const oneOf = (...names: readonly string[]): JsonSchema => ({ oneOf: names.map((name) => having(name)) });

const quoteSchema: JsonSchema = {
  type: 'object',
  description: 'A European option of the market, with its price or its implied volatility',
  additionalProperties: false,
  properties: {
    strike: schemaOf(quoteStrike),
    time_to_expiry: schemaOf(quoteTime),
    expiry: textSchema('expiry'),
    contract: textSchema('contract'),
    option_type: optionTypeSchema,
    price: schemaOf(quotePrice),
    implied_volatility: schemaOf(quoteVolatility),
    weight: schemaOf(quoteWeight),
  },
  allOf: [
    oneOf('price', 'implied_volatility'),
    oneOf('time_to_expiry', 'expiry', 'contract'),
    { if: having('contract'), else: having('strike', 'option_type') },
  ],
};

const parametersSchema = (member: (range: (typeof ranges)[number]) => JsonSchema): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(ranges.map((range) => [range.input.name, member(range)])),
});

const boundSchema = ({ input, lower, upper }: (typeof ranges)[number]): JsonSchema => {
  const { description: _, ...schema } = schemaOf(input);
  const defaults = { lower, upper };
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(sides.map((side) => [side, { ...schema, default: defaults[side] }])),
  };
};

const exampleQuotes = [
  [90, 0.25, 0.243],
  [100, 0.25, 0.205],
  [110, 0.25, 0.183],
  [90, 1, 0.236],
  [100, 1, 0.214],
  [110, 1, 0.197],
].map(([strike, years, volatility]) => ({
  strike,
  time_to_expiry: years,
  option_type: 'call',
  implied_volatility: volatility,
}));

export const calibrationBody = documented(
  'CalibrationRequest',
  {
    description: 'Quotes of European options on one underlying, to which the parameters of Heston are fitted',
    type: 'object',
    additionalProperties: false,
    required: ['spot', 'rate', 'quotes'],
    properties: {
      ...Object.fromEntries(marketNumbers.map((input) => [input.name, schemaOf(input)])),
      quotes: {
        type: 'array',
        minItems: 1,
        maxItems: maxQuotes,
        items: referTo('CalibrationQuote'),
        description: `At most ${maxExpiries} different expiries`,
      },
      valuation_date: textSchema('valuation_date'),
      day_count: referTo('DayCount'),
      calendar: referTo('BusinessCalendar'),
      initial_guess: {
        ...parametersSchema(({ input }) => schemaOf(input)),
        description: 'Where the first fit begins; absent parameters are guessed from the quotes',
      },
      bounds: { ...parametersSchema(boundSchema), description: 'Min and max of the parameters' },
      objective: {
        type: 'string',
        enum: objectives,
        default: objectives[0],
        description:
          'Whose squares the fit minimises: the errors of the prices, or these divided by vega, which are nearly the ' +
          'errors of the implied volatilities',
      },
      max_iterations: schemaOf(iterationsInput),
    },
    examples: [{ spot: 100, rate: 0.02, dividend_yield: 0.01, quotes: exampleQuotes }],
  },
  {
    DayCount: optionParts['DayCount']!,
    BusinessCalendar: optionParts['BusinessCalendar']!,
    CalibrationQuote: quoteSchema,
  },
);

const fittedQuote = z
  .strictObject({
    strike: z.number(),
    time_to_expiry: z.number(),
    option_type: z.enum(optionTypes),
    market_price: z.number(),
    model_price: z.number(),
    price_error: z.number().describe('Price of the model less that of the market'),
    market_volatility: z.number(),
    model_volatility: z.number().nullable().describe('Null if the price of the model has no implied volatility'),
    volatility_error: z.number().nullable(),
  })
  .meta({ id: 'FittedQuote' });

export const calibrationAnswer = z
  .strictObject({
    model: z.literal('heston'),
    heston: hestonSchema,
    converged: z
      .boolean()
      .describe('The fit is a min, no parameter is at a bound, and the quotes determine all parameters'),
    stop_reason: z
      .enum(calibrationStopReasons)
      .describe(
        'residual_small, gradient_small and step_small: a min. at_bound and not_identified: a min that does not ' +
          'determine the parameters. max_iterations and no_progress: no min was found. work_limit: the work of one request ' +
          'was used up before a min was found',
      ),
    at_bounds: z
      .array(z.strictObject({ parameter: z.enum(hestonNames), bound: z.enum(sides) }).meta({ id: 'ParameterAtBound' }))
      .readonly(),
    feller: z.strictObject({ satisfied: z.boolean(), ratio: z.number() }).meta({
      id: 'FellerCondition',
      description: 'ratio is 2 kappa theta / sigma^2; the variance stays positive from 1 on',
    }),
    gradient_norm: z
      .number()
      .describe(
        'Max derivative of half the mean square error by a parameter that can move, each scaled so that the root mean ' +
          'square of the derivatives of the errors is 1. It is 0 at a min',
      ),
    condition_number: z
      .number()
      .nullable()
      .describe('Of the derivatives, each scaled to length 1. Null if they do not determine all parameters'),
    standard_errors: z.strictObject(Object.fromEntries(hestonNames.map((name) => [name, z.number().nullable()]))).meta({
      id: 'ParameterErrors',
      description: 'Null for a parameter at a bound, for all if the quotes do not determine them or are too few',
    }),
    rmse_price: z.number(),
    rmse_volatility: z.number().nullable().describe('Null if a price of the model has no implied volatility'),
    iterations: z.int().describe('Steps of all fits'),
    evaluations: z.int().describe('Number of points at which the prices of all quotes were calculated'),
    starts: z.int().describe('Number of points from which a fit began'),
    quotes: z.array(fittedQuote).readonly(),
    computation_time_ms: z.number(),
  })
  .meta({ id: 'Calibration' });
