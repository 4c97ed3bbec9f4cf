import { z } from 'zod';
import { maxBatchRows } from '../batch/batch-row.ts';
import { numberColumns, textColumns } from '../batch/columns.ts';
import { exerciseStyles } from '../models/engine.ts';
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
import { greeksGroup, invertedNumbers, maxOutputs } from './read-option.ts';

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

const strictUnits: JsonSchema = {
  type: 'boolean',
  default: false,
  description: 'A value that is probably in percent or days is an error, not a warning',
};
const single = { strict_units: strictUnits };
const rowId: JsonSchema = {
  type: ['string', 'number'],
  maxLength: 64,
  description: 'Repeated in the answer',
};

export const priceBody = (models: readonly Model[]) =>
  documented({ ...rowSchema(models, single), examples: [example] });

export const greeksBody = (models: readonly Model[]) =>
  documented({
    ...rowSchema(models, { ...single, outputs: outputsSchema([...greekNames, greeksGroup], defaultGreeks) }),
    examples: [{ ...example, outputs: ['delta', 'gamma', 'vanna'] }],
  });

export const impliedBody = (models: readonly Model[]) =>
  documented({
    oneOf: models
      .filter(({ outputs }) => outputs.includes('implied_volatility'))
      .map((model) => modelSchema(model, single, invertedNumbers(model))),
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
      items: rowSchema(models, { id: rowId }),
      description: 'A row that breaks this schema becomes an item with an error, not a refusal of the batch',
    },
    outputs: outputsSchema([...outputNames, greeksGroup], ['price']),
    strict_units: strictUnits,
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
        ['id', { type: 'array', items: { ...rowId, type: ['string', 'number', 'null'] } }] as const,
      ]),
      description:
        'A column for each input, all of one length; one value stands for all rows. A bad cell is an item of `errors`',
    },
    model: { type: 'string', enum: models.map(({ name }) => name), default: defaultModel },
    exercise_style: { type: 'string', enum: exerciseStyles, default: 'european' },
    outputs: outputsSchema([...outputNames, greeksGroup], ['price']),
    strict_units: strictUnits,
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

/** The headers that decide the formats of a batch and of its answer. The handler reads them itself. */
export const batchHeaders = z.object({ 'content-type': z.string().optional(), accept: z.string().optional() });
