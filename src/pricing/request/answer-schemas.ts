import type { Readable } from 'node:stream';
import { z } from 'zod';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { errorCategorySchema, errorCodeSchema } from '#src/kernel/catalogue/error-schemas.ts';
import { exchanges } from '#src/kernel/trading-days/exchanges.ts';
import { barrierTypes } from '../engines/exotic/barrier-types.ts';
import { precisions } from '../engines/american/precision.ts';
import { dividendModels, exerciseStyles, optionTypes } from '../models/engine.ts';
import { outputNames } from '../models/outputs.ts';
import { dayCounts } from './conventions/convention-members.ts';
import { unitCode } from './unit-warnings.ts';

export const hestonSchema = z
  .strictObject({ v0: z.number(), kappa: z.number(), theta: z.number(), sigma: z.number(), rho: z.number() })
  .meta({ id: 'UsedHestonParameters' });
const dividendSchema = z
  .strictObject({ time: z.number(), amount: z.number(), date: z.string().optional() })
  .meta({ id: 'UsedDividend' });
const inputsFromSchema = z
  .strictObject({
    symbol: z.string(),
    as_of: z.string().describe('Date of the last stored close'),
    spot: z.literal('last_close').optional(),
    volatility: z.literal('realised_volatility').optional(),
  })
  .meta({ id: 'InputsFrom', description: 'Where inputs that the request left out come from' });

const echoed = {
  model: z.string(),
  option_type: z.enum(optionTypes),
  exercise_style: z.enum(exerciseStyles),
  spot: z.number().optional(),
  forward: z.number().optional(),
  strike: z.number(),
  time_to_expiry: z.number(),
  contract: z.string().optional(),
  expiry: z.string().optional(),
  valuation_date: z.string().optional(),
  day_count: z.enum(dayCounts).optional(),
  calendar: z.enum(exchanges).optional(),
  rate: z.number(),
  volatility: z.number().optional(),
  dividend_yield: z.number().optional(),
  symbol: z.string().optional(),
  steps: z.int().optional(),
  precision: z.enum(precisions).optional(),
  barrier_type: z.enum(barrierTypes).optional(),
  barrier: z.number().optional(),
  rebate: z.number().optional(),
  cash: z.number().optional(),
  heston: hestonSchema.optional(),
  dividends: z.array(dividendSchema).readonly().optional(),
  dividend_model: z.enum(dividendModels).optional(),
};
const greek = z.number().optional();
const warning = z
  .strictObject({ pointer: z.string(), code: z.literal(unitCode), detail: z.string() })
  .meta({ id: 'UnitWarning' });
export const warnings = z
  .array(warning)
  .readonly()
  .optional()
  .describe('Inputs that are valid, and are probably in percent or days. With strict_units they are errors');

const priced = { ...echoed, inputs_from: inputsFromSchema.optional(), price: z.number(), warnings };
const timed = { ...priced, computation_time_ms: z.number() };

export const priceAnswer = z.strictObject(timed).meta({ id: 'PriceAnswer' });

const greeks = {
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
};

const units = z.literal('market').optional().describe('The units of the greeks, if they were asked for');

export const greeksAnswer = z.strictObject({ ...timed, ...greeks, units }).meta({ id: 'GreeksAnswer' });

export const impliedAnswer = z
  .strictObject({ ...timed, implied_volatility: z.number() })
  .meta({ id: 'ImpliedVolatilityAnswer' });

const idSchema = z.union([z.string(), z.number()]).meta({ id: 'EchoedRowId' });

const pricedRow = z
  .strictObject({
    id: idSchema.optional(),
    ...echoed,
    price: z.number(),
    ...greeks,
    implied_volatility: greek,
    warnings,
  })
  .meta({ id: 'PricedRow', description: 'A row with the outputs that were asked for' });

const rowError = z
  .strictObject({
    code: errorCodeSchema,
    category: errorCategorySchema,
    detail: z.string(),
    pointer: z.string().optional().describe('JSON Pointer into the body'),
  })
  .meta({ id: 'RowError' });
const failedRow = z
  .looseObject({ error: rowError })
  .meta({ id: 'FailedRow', description: 'The inputs of the row as they were sent, and what is wrong with it' });

const counts = { units, total_count: z.int(), succeeded: z.int(), failed: z.int(), computation_time_ms: z.number() };

/** The JSON answers of batches: rows, and columns. */
export const rowsAnswer = z
  .strictObject({
    results: z
      .array(z.union([pricedRow, failedRow]).meta({ id: 'BatchRowAnswer' }))
      .describe('In the order of the request'),
    ...counts,
  })
  .meta({ id: 'BatchRowsAnswer' });

const cells = z.array(z.number().nullable()).optional();
export const columnsAnswer = z
  .strictObject({
    columns: z
      .strictObject({
        ...Object.fromEntries(outputNames.map((name) => [name, cells])),
        id: z.array(idSchema.nullable()).optional(),
      })
      .meta({ id: 'BatchColumnsResult', description: 'The outputs that were asked for. A failed row has null' }),
    errors: z.array(
      z
        .strictObject({
          index: z.int(),
          code: errorCodeSchema,
          field: z.string().optional().describe('The column that is wrong'),
          detail: z.string(),
        })
        .meta({ id: 'ColumnError' }),
    ),
    chosen_models: z
      .array(z.enum(modelNames))
      .optional()
      .describe(
        'The models of rows that name none, other than black_scholes: that of the preset or of the settings of the ' +
          'user, else for American rows binomial_lr where they have steps, and andersen_lake where they have none',
      ),
    warnings: z
      .array(
        z
          .strictObject({
            field: z.string(),
            code: z.literal(unitCode),
            rows: z.int(),
            index: z.int().describe('The first of these rows'),
            detail: z.string(),
          })
          .meta({ id: 'ColumnWarning' }),
      )
      .optional(),
    ...counts,
  })
  .meta({ id: 'BatchColumnsAnswer' });

/** The answer of a batch is bytes that other code has written. This schema only documents their content. */
export const batchAnswer = z
  .custom<Buffer | Readable>()
  .meta({ id: 'BatchAnswer', ...z.toJSONSchema(z.union([rowsAnswer, columnsAnswer])) });

const modelInput = z
  .strictObject({
    name: z.string(),
    type: z.enum(['number', 'string', 'array', 'object']),
    required: z.boolean(),
    default: z.union([z.number(), z.string()]).optional(),
    description: z.string(),
  })
  .meta({ id: 'PricingModelInput' });
const model = z
  .strictObject({
    model: z.string(),
    title: z.string(),
    inputs: z.array(modelInput),
    exercise_styles: z.array(z.enum(exerciseStyles)),
    outputs: z.array(z.enum(outputNames)),
    accuracy: z.string(),
    source: z.string(),
  })
  .meta({ id: 'PricingModel' });
export const modelsAnswer = z.strictObject({ models: z.array(model) }).meta({ id: 'PricingModels' });
