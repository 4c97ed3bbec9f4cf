import type { Readable } from 'node:stream';
import { z } from 'zod';
import { errorCategories, errorCodes } from '#src/kernel/catalogue/errors.ts';
import { precisions } from '../engines/american/precision.ts';
import { exerciseStyles, optionTypes } from '../models/engine.ts';
import { outputNames } from '../models/outputs.ts';
import { unitCode } from './unit-warnings.ts';

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
const warning = z.strictObject({ pointer: z.string(), code: z.literal(unitCode), detail: z.string() });
const warnings = z
  .array(warning)
  .readonly()
  .optional()
  .describe('Inputs that are valid, and are probably in percent or days. With strict_units they are errors');

export const priceAnswer = z.strictObject({ ...echoed, price: z.number(), warnings, computation_time_ms: z.number() });

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
  columns: z.partialRecord(z.enum([...outputNames, 'id']), z.array(z.union([z.number(), z.string()]).nullable())),
  errors: z.array(
    z.strictObject({
      index: z.int(),
      code: z.enum(errorCodes),
      field: z.string().optional().describe('The column that is wrong'),
      detail: z.string(),
    }),
  ),
  warnings: z
    .array(
      z.strictObject({
        field: z.string(),
        code: z.literal(unitCode),
        rows: z.int(),
        index: z.int().describe('The first of these rows'),
        detail: z.string(),
      }),
    )
    .optional(),
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
