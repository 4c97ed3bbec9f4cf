import { z } from 'zod';
import { maxBatchRows } from '../../batch/batch-row.ts';
import { listColumns, numberColumns, textColumns } from '../../batch/columns/columns.ts';
import { maxDividends } from '../../models/inputs.ts';
import { maxIdCharacters, maxIdNumber } from '../../batch/row-id.ts';
import { exerciseStyles } from '../../models/engine.ts';
import { defaultModel, type Model } from '../../models/models.ts';
import { outputNames } from '../../models/outputs.ts';
import { greeksGroup } from '../read-option.ts';
import { documented, referTo, type Definitions, type JsonSchema } from './json-schema.ts';
import { optionParts, optionsByModel } from './option-schemas.ts';
import { exampleOption, outputsSchema, presetSchema, strictUnits, unitsSchema } from './single-bodies.ts';

/** One value for all rows, or an array with one value per row. */
const columnOf = (type: 'number' | 'string'): JsonSchema => ({
  description:
    'One value for all rows, or an array with a value for each row. null stands for no value in contract, expiry, ' +
    'valuation_date, day_count and calendar, and beside one of these in strike, time_to_expiry and option_type; beside a ' +
    'column of dividends also in dividend_yield. Elsewhere a row with null fails',
  anyOf: [{ type }, { type: 'array', minItems: 1, maxItems: maxBatchRows, items: { type: [type, 'null'] } }],
});

const shared = {
  outputs: outputsSchema([...outputNames, greeksGroup], ['price']),
  units: unitsSchema,
  strict_units: strictUnits,
  preset: presetSchema,
};

const rowsBody: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['options'],
  properties: {
    options: {
      type: 'array',
      minItems: 1,
      maxItems: maxBatchRows,
      items: referTo('BatchRow'),
      description: 'A row that breaks this schema becomes an item with an error, not a refusal of the batch',
    },
    ...shared,
  },
};

const columnsBody = (models: readonly Model[]): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['columns'],
  properties: {
    columns: referTo('BatchColumns'),
    model: { type: 'string', enum: models.map(({ name }) => name), default: defaultModel },
    exercise_style: { type: 'string', enum: exerciseStyles, default: 'european' },
    ...shared,
  },
});

const batchParts: Definitions = {
  RowId: {
    description: 'A text of the caller that the answer repeats, or a number',
    anyOf: [
      { type: 'string', maxLength: maxIdCharacters },
      { type: 'number', minimum: -maxIdNumber, maximum: maxIdNumber },
    ],
  },
  NumberColumn: columnOf('number'),
  TextColumn: columnOf('string'),
  DividendList: { type: 'array', maxItems: maxDividends, items: referTo('Dividend') },
  DividendColumn: {
    description:
      'A list of dividends, or null for none, for each row. A list of objects is the list of all rows. Rows with ' +
      'dividends have no dividend_yield, which may be null there',
    type: 'array',
    maxItems: maxBatchRows,
    items: { anyOf: [referTo('DividendList'), referTo('Dividend'), { type: 'null' }] },
  },
  BatchColumns: {
    description:
      'A column for each input, all of one length; one value stands for all rows. A bad cell is an item of `errors`',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(numberColumns.map((name) => [name, referTo('NumberColumn')])),
      ...Object.fromEntries(textColumns.map((name) => [name, referTo('TextColumn')])),
      ...Object.fromEntries(listColumns.map((name) => [name, referTo('DividendColumn')])),
      id: { type: 'array', items: { anyOf: [referTo('RowId'), { type: 'null' }] } },
    },
  },
  BatchRowsRequest: rowsBody,
};

export const batchBody = (models: readonly Model[]) => {
  const members = { id: referTo('RowId') };
  const { any, definitions } = optionsByModel(models, { suffix: 'BatchRow', purpose: 'row', members });
  return documented(
    'BatchRequest',
    {
      description: 'Rows as objects, or columns',
      oneOf: [referTo('BatchRowsRequest'), referTo('BatchColumnsRequest')],
      examples: [
        { options: [exampleOption, { ...exampleOption, option_type: 'put' }], outputs: ['price', 'delta'] },
        { columns: { ...exampleOption, strike: [95, 100, 105] }, outputs: ['price', 'delta'] },
      ],
    },
    {
      ...optionParts,
      ...batchParts,
      ...definitions,
      BatchRow: { ...any, description: 'One option of a batch' },
      BatchColumnsRequest: columnsBody(models),
    },
  );
};

/** The headers that decide the formats of a batch and of its answer. The handler reads them itself. */
export const batchHeaders = z.object({ 'content-type': z.string().optional(), accept: z.string().optional() });
