import { z } from 'zod';
import { errorCategories, errorCodes } from '#src/kernel/errors.ts';
import { largestBatch } from './batch.ts';
import { exerciseStyles, optionTypes } from './engine.ts';
import { optionTypeSchema, schemaOf } from './inputs.ts';
import { defaultModel, type Model } from './models.ts';
import { defaultGreeks, greekNames, outputNames } from './outputs.ts';

/**
 * Request bodies are validated by hand (read-option.ts), which is faster and lets a batch and a single call share one
 * validator. To the http room they are any JSON value; what they may hold is documented here from the models' inputs.
 */
type JsonSchema = Record<string, unknown>;

const documented = (schema: JsonSchema) =>
  z
    .unknown()
    .refine((body) => body !== undefined)
    .meta(schema);

const modelSchema = (model: Model, extra: JsonSchema): JsonSchema => ({
  title: model.title,
  type: 'object',
  additionalProperties: false,
  required: [
    ...(model.name === defaultModel ? [] : ['model']),
    'option_type',
    ...model.numbers.filter((input) => input.default === undefined).map(({ name }) => name),
  ],
  properties: {
    model: { type: 'string', const: model.name, ...(model.name === defaultModel ? { default: defaultModel } : {}) },
    option_type: optionTypeSchema,
    exercise_style: { type: 'string', enum: model.exerciseStyles, default: 'european' },
    ...Object.fromEntries(model.numbers.map((input) => [input.name, schemaOf(input)])),
    ...(model.symbol ? { symbol: { type: 'string', description: 'Symbol of the underlying, echoed' } } : {}),
    ...extra,
  },
});

const rowSchema = (models: readonly Model[], extra: JsonSchema = {}): JsonSchema => ({
  oneOf: models.map((model) => modelSchema(model, extra)),
});

const outputsSchema = (names: readonly string[], fallback: readonly string[]): JsonSchema => ({
  type: 'array',
  minItems: 1,
  items: { type: 'string', enum: names },
  default: fallback,
});

const example = {
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
};

export const priceBody = (models: readonly Model[]) => documented({ ...rowSchema(models), examples: [example] });

export const greeksBody = (models: readonly Model[]) =>
  documented({
    ...rowSchema(models, { outputs: outputsSchema(greekNames, defaultGreeks) }),
    examples: [{ ...example, outputs: ['delta', 'gamma', 'vanna'] }],
  });

export const batchBody = (models: readonly Model[]) =>
  documented({
    type: 'object',
    additionalProperties: false,
    required: ['options'],
    properties: {
      options: {
        type: 'array',
        minItems: 1,
        maxItems: largestBatch,
        items: rowSchema(models),
        description: 'A row that breaks this schema becomes an item with an error, not a refusal of the batch',
      },
      outputs: outputsSchema(outputNames, ['price']),
    },
    examples: [{ options: [example, { ...example, option_type: 'put' }], outputs: ['price', 'delta'] }],
  });

const echoed = {
  model: z.string(),
  option_type: z.enum(optionTypes),
  exercise_style: z.enum(exerciseStyles),
  spot: z.number().optional(),
  forward: z.number().optional(),
  strike: z.number(),
  time_to_expiry: z.number(),
  rate: z.number(),
  volatility: z.number(),
  dividend_yield: z.number().optional(),
  symbol: z.string().optional(),
};
const greek = z.number().optional();

export const priceAnswer = z.strictObject({ ...echoed, price: z.number(), computation_time_ms: z.number() });

export const greeksAnswer = z.strictObject({
  ...priceAnswer.shape,
  delta: greek,
  gamma: greek,
  vega: greek.describe('Per 1.00 of volatility'),
  theta: greek.describe('-dV/dT, per year of calendar time'),
  rho: greek.describe('Per 1.00 of rate'),
  dividend_rho: greek.describe('Per 1.00 of dividend yield'),
  vanna: greek.describe('d2V/dSdsigma'),
  volga: greek.describe('d2V/dsigma2'),
  charm: greek.describe('-d2V/dSdT'),
  veta: greek.describe('-d2V/dsigmadT'),
  speed: greek.describe('d3V/dS3'),
  zomma: greek.describe('d3V/dS2dsigma'),
  color: greek.describe('-d3V/dS2dT'),
  ultima: greek.describe('d3V/dsigma3'),
  dual_delta: greek.describe('dV/dK'),
  dual_gamma: greek.describe('d2V/dK2'),
});

/** Rows are written by this room alone: checking 100,000 of them again would only cost. */
const batchRow = z.unknown().meta({
  oneOf: [
    { type: 'object', required: ['price', 'model'], description: 'As the answer of price, with the asked greeks' },
    {
      type: 'object',
      required: ['error'],
      description: 'The inputs of the row, and what is wrong with it',
      properties: {
        error: {
          type: 'object',
          required: ['code', 'category', 'detail'],
          properties: {
            code: { type: 'string', enum: errorCodes },
            category: { type: 'string', enum: errorCategories },
            detail: { type: 'string' },
            pointer: { type: 'string', description: 'JSON Pointer into the body' },
          },
        },
      },
    },
  ],
});

export const batchAnswer = z.strictObject({
  results: z.array(batchRow).readonly(),
  total_count: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  computation_time_ms: z.number(),
});

export const modelsAnswer = z.strictObject({
  models: z.array(
    z.strictObject({
      model: z.string(),
      title: z.string(),
      inputs: z.array(
        z.strictObject({
          name: z.string(),
          type: z.enum(['number', 'string']),
          required: z.boolean(),
          default: z.union([z.number(), z.string()]).optional(),
          description: z.string(),
        }),
      ),
      exercise_styles: z.array(z.enum(exerciseStyles)),
      outputs: z.array(z.enum(outputNames)),
      accuracy: z.string(),
      source: z.string(),
    }),
  ),
});
