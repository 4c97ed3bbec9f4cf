import { z } from 'zod';
import type { Readable } from 'node:stream';
import { errorCodeSchema } from '#src/kernel/catalogue/error-schemas.ts';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { maxBatchRows } from '../batch/batch-row.ts';
import { schemaOf } from '../models/inputs.ts';
import type { Model } from '../models/models.ts';
import { defaultGreeks, greekNames } from '../models/outputs.ts';
import { warnings } from '../request/answer-schemas.ts';
import { documented, referTo, type JsonSchema } from '../request/body-schemas/json-schema.ts';
import { optionParts, optionsByModel } from '../request/body-schemas/option-schemas.ts';
import {
  exampleOption,
  outputsSchema,
  presetSchema,
  strictUnits,
  unitsSchema,
} from '../request/body-schemas/single-bodies.ts';
import { greeksGroup } from '../request/read-option.ts';
import { maxIdCharacters, maxIdNumber } from '../batch/row-id.ts';
import { axisNames, gridAxes } from './grid-axes.ts';
import { quantityInput } from './read-grid.ts';

const axisSchema = ({ item }: (typeof gridAxes)[keyof typeof gridAxes]): JsonSchema => {
  const { description, ...items } = schemaOf(item);
  return { type: 'array', minItems: 1, maxItems: maxBatchRows, items, default: [0], description };
};

export const gridBody = (models: readonly Model[]) => {
  const id: JsonSchema = {
    description: 'A text of the caller that the answer repeats, or a number',
    type: ['string', 'number'],
    maxLength: maxIdCharacters,
    minimum: -maxIdNumber,
    maximum: maxIdNumber,
  };
  const members = { id, quantity: schemaOf(quantityInput) };
  const { any, definitions } = optionsByModel(models, { suffix: 'GridPosition', purpose: 'price', members });
  return documented(
    'GridRequest',
    {
      description: 'Positions, or one option, and the axes over which they are valued',
      type: 'object',
      additionalProperties: false,
      properties: {
        positions: { type: 'array', minItems: 1, maxItems: maxBatchRows, items: referTo('GridPosition') },
        option: referTo('GridPosition'),
        ...Object.fromEntries(axisNames.map((name) => [name, axisSchema(gridAxes[name])])),
        outputs: outputsSchema([...greekNames, greeksGroup], defaultGreeks),
        units: unitsSchema,
        strict_units: strictUnits,
        preset: presetSchema,
      },
      if: { required: ['positions'] },
      else: { required: ['option'] },
      not: { required: ['positions', 'option'] },
      examples: [{ option: exampleOption, spot_shifts: [-0.05, 0, 0.05], days: [0, 1], outputs: ['delta'] }],
    },
    { ...optionParts, ...definitions, GridPosition: { ...any, description: 'An option and its quantity' } },
  );
};

const cells = z.array(z.number().nullable());
const shifts = Object.fromEntries(axisNames.map((name) => [gridAxes[name].column, z.array(z.number())]));
const greekCells = Object.fromEntries(greekNames.map((name) => [name, cells.optional()]));
const valued = { ...shifts, value: cells.describe('Price times quantity'), ...greekCells };

export const gridAnswerSchema = z
  .strictObject({
    axes: z
      .strictObject(Object.fromEntries(axisNames.map((name) => [name, z.array(z.number())])))
      .meta({ id: 'GridAxes' }),
    positions: z.array(
      z
        .strictObject({
          id: z.union([z.string(), z.number()]).optional(),
          quantity: z.number(),
          model: z.enum(modelNames),
        })
        .meta({ id: 'GridPositionAnswer' }),
    ),
    columns: z
      .strictObject({ position: z.array(z.int()), ...valued })
      .meta({ id: 'GridColumns', description: 'A row for each position at each node; greeks are times the quantity' }),
    totals: z.strictObject(valued).meta({
      id: 'GridTotals',
      description: 'A row for each node: the sum over all positions, null if one of them failed',
    }),
    errors: z.array(
      z
        .strictObject({ index: z.int(), position: z.int(), code: errorCodeSchema, detail: z.string() })
        .meta({ id: 'GridError', description: 'Why a row of the columns has no value' }),
    ),
    warnings,
    warning_count: z.int().optional().describe('Number of all warnings. `warnings` has the first 100'),
    units: z.literal('market').optional(),
    total_count: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    computation_time_ms: z.number(),
  })
  .meta({ id: 'GridColumnsAnswer' });

/** The answer is bytes that other code has written. This schema only documents their content. */
export const gridAnswer = z.custom<Buffer | Readable>().meta({ id: 'GridAnswer', ...z.toJSONSchema(gridAnswerSchema) });
