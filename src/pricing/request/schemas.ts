import type { Readable } from 'node:stream';
import { z } from 'zod';
import { errorCategories, errorCodes } from '#src/kernel/catalogue/errors.ts';
import { maxBatchRows } from '../batch/batch-row.ts';
import { numberColumns, textColumns } from '../batch/columns.ts';
import { exerciseStyles, optionTypes } from '../models/engine.ts';
import { precisions } from '../engines/american/precision.ts';
import {
  dividendMembers,
  hestonParameters,
  isRequired,
  maxDividends,
  optionTypeSchema,
  schemaOf,
  type NumberInput,
} from '../models/inputs.ts';
import { defaultModel, type ExtraInput, type Model } from '../models/models.ts';
import { defaultGreeks, greekNames, outputNames } from '../models/outputs.ts';
import { SYMBOL } from './read-extras.ts';
import { invertedNumbers, maxOutputs } from './read-option.ts';

/**
 * JSON Schemas of the request bodies, for the documentation only. `read-option.ts` validates the bodies, which is
 * faster and lets a batch and a single call share one validator. For the HTTP code a body is any JSON value. The
 * schemas are made from the inputs of the models.
 */
type JsonSchema = Record<string, unknown>;

const documented = (schema: JsonSchema) =>
  z
    .unknown()
    .refine((body) => body !== undefined)
    .meta(schema);

const objectSchema = (members: readonly NumberInput[]): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: members.map(({ name }) => name),
  properties: Object.fromEntries(members.map((member) => [member.name, schemaOf(member)])),
});

const extraSchemas: Readonly<Record<ExtraInput, JsonSchema>> = {
  symbol: {
    type: 'string',
    pattern: SYMBOL.source,
    description: 'Symbol of the underlying; of a single option it gives spot and volatility where they are absent',
  },
  precision: { type: 'string', enum: precisions, default: 'default' },
  heston: { ...objectSchema(hestonParameters), description: 'Parameters of the model' },
  dividends: {
    type: 'array',
    maxItems: maxDividends,
    items: objectSchema(dividendMembers),
    description: 'Discrete dividends in place of dividend_yield, by the escrowed model',
  },
};

const modelSchema = (model: Model, extra: JsonSchema, numbers = model.numbers): JsonSchema => ({
  title: model.title,
  type: 'object',
  additionalProperties: false,
  required: [
    ...(model.name === defaultModel ? [] : ['model']),
    'option_type',
    ...(model.exerciseStyles.includes('european') ? [] : ['exercise_style']),
    ...numbers.filter(isRequired).map(({ name }) => name),
    ...(model.extras.includes('heston') ? ['heston'] : []),
  ],
  properties: {
    model: { type: 'string', const: model.name, ...(model.name === defaultModel ? { default: defaultModel } : {}) },
    option_type: optionTypeSchema,
    exercise_style: {
      type: 'string',
      enum: model.exerciseStyles,
      ...(model.exerciseStyles.includes('european') ? { default: 'european' } : {}),
    },
    ...Object.fromEntries(numbers.map((input) => [input.name, schemaOf(input)])),
    ...Object.fromEntries(model.extras.map((extra) => [extra, extraSchemas[extra]])),
    ...extra,
  },
  ...(model.extras.includes('dividends') ? { not: { required: ['dividends', 'dividend_yield'] } } : {}),
});

const rowSchema = (models: readonly Model[], extra: JsonSchema = {}): JsonSchema => ({
  oneOf: models.map((model) => modelSchema(model, extra)),
});

const outputsSchema = (names: readonly string[], fallback: readonly string[]): JsonSchema => ({
  type: 'array',
  minItems: 1,
  maxItems: maxOutputs,
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

const { volatility: _, ...withoutVolatility } = example;

export const priceBody = (models: readonly Model[]) => documented({ ...rowSchema(models), examples: [example] });

export const greeksBody = (models: readonly Model[]) =>
  documented({
    ...rowSchema(models, { outputs: outputsSchema(greekNames, defaultGreeks) }),
    examples: [{ ...example, outputs: ['delta', 'gamma', 'vanna'] }],
  });

export const impliedBody = (models: readonly Model[]) =>
  documented({
    oneOf: models
      .filter(({ outputs }) => outputs.includes('implied_volatility'))
      .map((model) => modelSchema(model, {}, invertedNumbers(model))),
    examples: [{ ...withoutVolatility, price: 4.2 }],
  });

const rowsBody = (models: readonly Model[]): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['options'],
  properties: {
    options: {
      type: 'array',
      minItems: 1,
      maxItems: maxBatchRows,
      items: rowSchema(models),
      description: 'A row that breaks this schema becomes an item with an error, not a refusal of the batch',
    },
    outputs: outputsSchema(outputNames, ['price']),
  },
});

/** One value for all rows, or an array with one value per row. */
const columnOf = (schema: JsonSchema): JsonSchema => ({
  oneOf: [schema, { type: 'array', minItems: 1, maxItems: maxBatchRows, items: schema }],
});

const columnsBody = (models: readonly Model[]): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['columns'],
  properties: {
    columns: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries([
        ...numberColumns.map((name) => [name, columnOf({ type: 'number' })] as const),
        ...textColumns.map((name) => [name, columnOf({ type: 'string' })] as const),
      ]),
      description:
        'A column for each input, all of one length; one value stands for all rows. A bad cell is an item of `errors`',
    },
    model: { type: 'string', enum: models.map(({ name }) => name), default: defaultModel },
    exercise_style: { type: 'string', enum: exerciseStyles, default: 'european' },
    outputs: outputsSchema(outputNames, ['price']),
  },
});

export const batchBody = (models: readonly Model[]) =>
  documented({
    oneOf: [rowsBody(models), columnsBody(models)],
    examples: [
      { options: [example, { ...example, option_type: 'put' }], outputs: ['price', 'delta'] },
      { columns: { ...example, strike: [95, 100, 105] }, outputs: ['price', 'delta'] },
    ],
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
  volatility: z.number().optional(),
  dividend_yield: z.number().optional(),
  symbol: z.string().optional(),
  steps: z.int().optional(),
  precision: z.enum(precisions).optional(),
  heston: z.record(z.string(), z.number()).optional(),
  dividends: z
    .array(z.strictObject({ time: z.number(), amount: z.number() }))
    .readonly()
    .optional(),
  dividend_model: z.literal('escrowed').optional(),
  inputs_from: z
    .strictObject({
      symbol: z.string(),
      as_of: z.string().describe('Date of the last stored close'),
      spot: z.literal('last_close').optional(),
      volatility: z.literal('realised_volatility').optional(),
    })
    .optional()
    .describe('Where inputs that the request left out come from'),
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

export const impliedAnswer = z.strictObject({
  ...priceAnswer.shape,
  implied_volatility: z.number(),
});

/** The headers that decide the formats of a batch and of its answer. The handler reads them itself. */
export const batchHeaders = z.object({ 'content-type': z.string().optional(), accept: z.string().optional() });

/** Rows are not validated, because only the pricing code writes them and a check of 100,000 rows would take time. */
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

const counts = { total_count: z.int(), succeeded: z.int(), failed: z.int(), computation_time_ms: z.number() };

/** The JSON answers of batches: rows, and columns. */
export const rowsAnswer = z.strictObject({ results: z.array(batchRow).readonly(), ...counts });
export const columnsAnswer = z.strictObject({
  columns: z.partialRecord(z.enum(outputNames), z.array(z.number().nullable())),
  errors: z.array(z.strictObject({ index: z.int(), code: z.enum(errorCodes), detail: z.string() })),
  ...counts,
});

/** The answer of a batch is bytes that other code has written. This schema only documents their content. */
export const batchAnswer = z
  .custom<Buffer | Readable>()
  .meta({ oneOf: [rowsAnswer, columnsAnswer].map((schema) => z.toJSONSchema(schema, { unrepresentable: 'any' })) });

export const modelsAnswer = z.strictObject({
  models: z.array(
    z.strictObject({
      model: z.string(),
      title: z.string(),
      inputs: z.array(
        z.strictObject({
          name: z.string(),
          type: z.enum(['number', 'string', 'array', 'object']),
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
