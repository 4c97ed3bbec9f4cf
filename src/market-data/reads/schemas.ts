import { z } from 'zod';
import { errorCategories, errorCodes } from '#src/kernel/catalogue/errors.ts';
import { dateParameter, fieldsQuery, integerParameter, pageQuery } from '#src/kernel/lists/pagination.ts';
import { refreshStatuses, refreshTriggers } from '../entities.ts';
import { refreshSources } from '../providers/provider.ts';
import { holdReasons, replacementReasons, seriesHoldReasons } from '../series/series-plan.ts';
import { leftOutReasons } from '../indexes/calculation/left-out.ts';
import { indexMethods, returnTypes } from '../indexes/index-methods.ts';

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

const changeKinds = ['started', 'joined', 'left', 'rebalanced', 'split', 'dividend', 'shares'] as const;

export const indexExplanationSchema = z.strictObject({
  code: z.string(),
  date,
  value: z.number(),
  method: z.enum(indexMethods),
  return_type: z.enum(returnTypes),
  divisor: z
    .number()
    .nullable()
    .describe('value = (sum of price * shares) / divisor; for total return (price + dividend) * shares'),
  divisor_change: z
    .strictObject({
      date,
      before: z.number().nullable(),
      after: z.number(),
      causes: z.array(z.enum(changeKinds)).readonly(),
    })
    .nullable()
    .describe('The last change until this day. Null for each_bar: the divisor changes before each bar'),
  constituents: z
    .array(
      z.strictObject({
        symbol: z.string(),
        weight: z.number().describe('Part of the index at the close'),
        price: z.number().describe('The last close'),
        shares: z.number().describe('Shares that the index holds'),
        change: z
          .number()
          .optional()
          .describe('Return of the price since the bar before, without the effect of a split'),
        dividend: z.number().optional().describe('Cash for one share, reinvested at this close'),
      }),
    )
    .readonly(),
  left_out: z
    .array(z.strictObject({ symbol: z.string(), reason: z.enum(leftOutReasons) }))
    .readonly()
    .describe('Constituents without a price or a number of shares'),
  events: z
    .array(z.strictObject({ type: z.enum(changeKinds), symbol: z.string().optional(), amount: z.number().optional() }))
    .readonly()
    .describe('What changed after the bar before. `amount`: cash, new shares for one old share, or number of shares'),
});

export const explainQuery = z.strictObject({ date: dateParameter.optional().describe('Default: the last day') });

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
      adjusted: z
        .enum(['true', 'false'])
        .default('true')
        .describe('`true`: prices in shares of today, so that a split is no jump (default); `false`: as they came'),
      latest: integerParameter(1, maxLatest)
        .optional()
        .describe('Only the newest rows, so many; `limit` does not apply, and there is no next page'),
    })
    .refine(({ latest, cursor }) => latest === undefined || cursor === undefined, {
      path: ['latest'],
      error: 'Cannot be used with cursor',
    });
