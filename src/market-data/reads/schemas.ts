import { z } from 'zod';
import { errorCategories, errorCodes } from '#src/kernel/catalogue/errors.ts';
import { dateParameter, fieldsQuery, integerParameter, pageQuery } from '#src/kernel/lists/pagination.ts';
import { refreshStatuses, refreshTriggers } from '../entities.ts';
import { nameParameter } from '../names.ts';
import { refreshSources } from '../providers/provider.ts';
import { holdReasons, replacementReasons, seriesHoldReasons } from '../series/series-plan.ts';
import { indexMethods } from '../indexes/universes.ts';
import { maxListedRows, rowErrorCodes } from '../uploads/row-error.ts';

const date = z.iso.date();
const count = z.int().min(0);

export const assetSchema = z.strictObject({
  symbol: z.string(),
  name: z.string(),
  exchange: z.string(),
  currency: z.string(),
  first_date: date.nullable(),
  last_date: date.nullable(),
});

export const priceSchema = z.strictObject({
  date,
  open: z.number().nullable(),
  high: z.number().nullable(),
  low: z.number().nullable(),
  close: z.number(),
  volume: z.number().nullable(),
});

export const symbolPriceSchema = z.strictObject({ symbol: z.string(), ...priceSchema.shape });

export const indexSchema = z.strictObject({
  code: z.string(),
  name: z.string(),
  universe: z.string(),
  method: z.enum(indexMethods),
  constituents: z.array(z.string()).readonly(),
  first_date: date.nullable(),
  last_date: date.nullable(),
});

export const indexValueSchema = z.strictObject({ date, value: z.number() });

export const rowErrorSchema = z.strictObject({
  line: z.int().min(1),
  code: z.enum(rowErrorCodes),
  detail: z.string(),
  column: z.string().optional(),
});

export const refreshSchema = z.strictObject({
  id: z.uuid(),
  universe: z.string(),
  universe_version: z.int().nullable().describe('The version of the universe that the refresh used'),
  trigger: z.enum(refreshTriggers),
  status: z.enum(refreshStatuses),
  reason: z.enum(errorCodes).nullable(),
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable(),
  assets: count,
  prices: count,
  index_values: count,
  quarantined: count.describe('Bars that were held back because they are not believed; the others were stored'),
  series_replaced: z
    .array(z.strictObject({ symbol: z.string(), reason: z.enum(replacementReasons), factor: z.number().optional() }))
    .readonly()
    .describe('The first series whose history was replaced. `factor`: fetched price divided by stored price'),
  series_held_back: z
    .array(z.strictObject({ symbol: z.string(), reason: z.enum(seriesHoldReasons), factor: z.number().optional() }))
    .readonly()
    .describe('The first series of which nothing was stored'),
  rows_read: count.describe('Bars of the provider, or rows of the uploaded file; of a running upload, so far'),
  rows_written: count.describe('Those of them that are part of their series now'),
  errors: z.array(rowErrorSchema).readonly().describe(`The first refused rows of the file, at most ${maxListedRows}`),
  errors_total: count.describe('Number of refused rows'),
  source: z.enum(refreshSources).nullable(),
  error: z.strictObject({ code: z.enum(errorCodes), category: z.enum(errorCategories), detail: z.string() }).nullable(),
  trace_id: z.string().nullable(),
});

export const quarantinedPriceSchema = z.strictObject({
  symbol: z.string(),
  date,
  price: z.number().describe('The fetched price'),
  reference: z.number().describe('The price that it was compared with'),
  reason: z.enum(holdReasons),
});

/** Query parameters of all market data lists. */
export const listQuery = (item: z.ZodObject) =>
  z
    .strictObject({
      ...pageQuery,
      from: dateParameter.optional(),
      to: dateParameter.optional(),
      fields: fieldsQuery(item),
    })
    .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
      path: ['from'],
      error: 'Must not be after to',
    });

const maxLatest = 1000;

/** Query parameters of the lists of prices and of index values. */
export const seriesQuery = (item: z.ZodObject) =>
  listQuery(item)
    .safeExtend({
      order: z.enum(['asc', 'desc']).default('asc').describe('`asc`: oldest first (default); `desc`: newest first'),
      latest: integerParameter(1, maxLatest)
        .optional()
        .describe('Only the newest rows, so many; `limit` does not apply, and there is no next page'),
    })
    .refine(({ latest, cursor }) => latest === undefined || cursor === undefined, {
      path: ['latest'],
      error: 'Cannot be used with cursor',
    });

const maxSymbols = 100;

/** Query parameters of the prices of several assets. */
export const symbolsQuery = listQuery(symbolPriceSchema).safeExtend({
  symbols: z
    .string()
    .transform((value) => [...new Set(value.split(','))])
    .pipe(z.array(nameParameter).max(maxSymbols))
    .describe(`Symbols, comma-separated, at most ${maxSymbols}. One that does not exist has no rows`),
});
