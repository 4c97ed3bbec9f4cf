import { z } from 'zod';
import { errorCategorySchema, errorCodeSchema } from '#src/kernel/catalogue/error-schemas.ts';
import {
  dateParameter,
  fieldsQuery,
  integerParameter,
  pageQuery,
  resourceQuery,
} from '#src/kernel/lists/pagination.ts';
import { refreshStatuses, refreshTriggers } from '../entities.ts';
import { nameParameter } from '#src/kernel/lists/name-parameter.ts';
import { rangeOrderText } from '#src/kernel/requests/texts/range-order.ts';
import { refreshSources } from '../providers/provider.ts';
import { holdReasons, replacementReasons, seriesHoldReasons } from '../series/series-plan.ts';
import { leftOutReasons } from '../indexes/calculation/left-out.ts';
import { indexMethods, returnTypes } from '../indexes/index-methods.ts';
import { maxListedRows, rowErrorCodes } from '../uploads/row-error.ts';

const date = z.iso.date();
const count = z.int().min(0);

export const assetSchema = z
  .strictObject({
    symbol: z.string(),
    name: z.string(),
    exchange: z.string(),
    currency: z.string(),
    first_date: date.nullable(),
    last_date: date.nullable(),
  })
  .meta({ id: 'Asset' });

export const priceSchema = z
  .strictObject({
    date,
    open: z.number().nullable(),
    high: z.number().nullable(),
    low: z.number().nullable(),
    close: z.number(),
    volume: z.number().nullable(),
  })
  .meta({ id: 'Price', description: 'One bar of an asset. Members that the source does not have are null' });

export const symbolPriceSchema = z
  .strictObject({ symbol: z.string(), ...priceSchema.shape })
  .meta({ id: 'SymbolPrice', description: 'One bar of one of several assets' });

export const indexSchema = z
  .strictObject({
    code: z.string(),
    name: z.string(),
    universe: z.string(),
    method: z.enum(indexMethods),
    constituents: z.array(z.string()).readonly(),
    first_date: date.nullable(),
    last_date: date.nullable(),
  })
  .meta({ id: 'Index' });

export const indexValueSchema = z.strictObject({ date, value: z.number() }).meta({ id: 'IndexValue' });

const changeKinds = ['started', 'joined', 'left', 'rebalanced', 'split', 'dividend', 'shares'] as const;

const divisorChangeSchema = z
  .strictObject({
    date,
    before: z.number().nullable(),
    after: z.number(),
    causes: z.array(z.enum(changeKinds)).readonly(),
  })
  .meta({ id: 'DivisorChange' });
const explainedConstituentSchema = z
  .strictObject({
    symbol: z.string(),
    weight: z.number().describe('Part of the index at the close'),
    price: z.number().describe('The last close'),
    shares: z.number().describe('Shares that the index holds'),
    change: z.number().optional().describe('Return of the price since the bar before, without the effect of a split'),
    dividend: z.number().optional().describe('Cash for one share, reinvested at this close'),
  })
  .meta({ id: 'ExplainedConstituent' });
const leftOutSchema = z
  .strictObject({ symbol: z.string(), reason: z.enum(leftOutReasons) })
  .meta({ id: 'LeftOutConstituent' });
const indexEventSchema = z
  .strictObject({ type: z.enum(changeKinds), symbol: z.string().optional(), amount: z.number().optional() })
  .meta({ id: 'IndexEvent' });

export const indexExplanationSchema = z
  .strictObject({
    code: z.string(),
    date,
    value: z.number(),
    method: z.enum(indexMethods),
    return_type: z.enum(returnTypes),
    divisor: z
      .number()
      .nullable()
      .describe('value = (sum of price * shares) / divisor; for total return (price + dividend) * shares'),
    divisor_change: divisorChangeSchema
      .nullable()
      .describe('The last change until this day. Null for each_bar: the divisor changes before each bar'),
    constituents: z.array(explainedConstituentSchema).readonly(),
    left_out: z
      .array(leftOutSchema)
      .readonly()
      .describe(
        'Constituents without a price or a number of shares, or whose series has another interval than the universe',
      ),
    events: z
      .array(indexEventSchema)
      .readonly()
      .describe(
        'What changed after the bar before, the newest 1,000. `amount`: cash, new shares for one old share, or number of shares',
      ),
    events_total: count.describe('Number of changes, also of those that are not listed'),
  })
  .meta({ id: 'IndexExplanation', description: 'How the value of a day follows from prices, shares and divisor' });

export const explainQuery = resourceQuery(indexExplanationSchema).safeExtend({
  date: dateParameter.optional().describe('Default: the last day'),
});

const seriesMembers = { symbol: z.string(), factor: z.number().optional() };
const replacedSeriesSchema = z
  .strictObject({ ...seriesMembers, reason: z.enum(replacementReasons) })
  .meta({ id: 'ReplacedSeries' });
const heldSeriesSchema = z
  .strictObject({ ...seriesMembers, reason: z.enum(seriesHoldReasons) })
  .meta({ id: 'HeldSeries' });
const refreshErrorSchema = z
  .strictObject({ code: errorCodeSchema, category: errorCategorySchema, detail: z.string() })
  .meta({ id: 'RefreshError' });
export const rowErrorSchema = z
  .strictObject({
    line: z.int().min(1),
    code: z.enum(rowErrorCodes),
    detail: z.string(),
    column: z.string().optional(),
  })
  .meta({ id: 'UploadRowError', description: 'A refused row of an uploaded file' });

export const refreshSchema = z
  .strictObject({
    id: z.uuid(),
    universe: z.string(),
    universe_version: z.int().nullable().describe('The version of the universe that the refresh used'),
    trigger: z.enum(refreshTriggers),
    status: z.enum(refreshStatuses),
    reason: errorCodeSchema.nullable(),
    started_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
    assets: count,
    prices: count,
    index_values: count,
    quarantined: count.describe('Bars that were held back because they are not believed; the others were stored'),
    series_replaced: z
      .array(replacedSeriesSchema)
      .readonly()
      .describe('The first series whose history was replaced. `factor`: fetched price divided by stored price'),
    series_held_back: z.array(heldSeriesSchema).readonly().describe('The first series of which nothing was stored'),
    rows_read: count.describe('Bars of the provider, or rows of the uploaded file; of a running upload, so far'),
    rows_written: count.describe('Those of them that are part of their series now'),
    errors: z.array(rowErrorSchema).readonly().describe(`The first refused rows of the file, at most ${maxListedRows}`),
    errors_total: count.describe('Number of refused rows. A file with `on_error=fail` is not read beyond the 20th'),
    source: z.enum(refreshSources).nullable(),
    error: refreshErrorSchema.nullable(),
    trace_id: z.string().nullable(),
  })
  .meta({ id: 'Refresh' });

export const quarantinedPriceSchema = z
  .strictObject({
    symbol: z.string(),
    date,
    price: z.number().describe('The fetched price'),
    reference: z.number().describe('The price that it was compared with'),
    reason: z.enum(holdReasons),
  })
  .meta({ id: 'QuarantinedPrice' });

/** Query parameters of all market data lists. */
export const listQuery = (item: z.ZodObject) =>
  z
    .strictObject({
      ...pageQuery,
      from: dateParameter.optional().describe('First day'),
      to: dateParameter.optional().describe('Last day'),
      fields: fieldsQuery(item),
    })
    .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
      path: ['from'],
      error: ({ input }) => rangeOrderText(input),
    });

const adjustedParameter = z
  .enum(['true', 'false'])
  .default('true')
  .describe('`true`: prices in shares of today, so that a split is no jump (default); `false`: as they came');

const maxLatest = 1000;

/** Query parameters of the lists of prices and of index values. */
export const seriesQuery = (item: z.ZodObject) =>
  listQuery(item)
    .safeExtend({
      order: z.enum(['asc', 'desc']).default('asc').describe('`asc`: oldest first (default); `desc`: newest first'),
      adjusted: adjustedParameter,
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
  adjusted: adjustedParameter,
  symbols: z
    .string()
    .transform((value) => [...new Set(value.split(','))])
    .pipe(z.array(nameParameter).max(maxSymbols))
    .meta({
      description: `Symbols, comma-separated, at most ${maxSymbols}. One that does not exist has no rows`,
      examples: ['AAPL,MSFT'],
    }),
});
