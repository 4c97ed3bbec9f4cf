import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { dateParameter } from '#src/kernel/lists/pagination.ts';
import { indexMethods, rebalances, returnTypes } from '../indexes/index-methods.ts';
import { defaultFrom, firstBarDay, universeSources, type Universe } from '../indexes/universes.ts';
import { defaultBaseValue } from '../indexes/calculation/index-plan.ts';
import { checkIndex, refuseRepeated, type Refuse } from './index-rules.ts';
import { exchanges } from '#src/kernel/trading-days/exchanges.ts';
import { intervals } from '../series/periods.ts';
import { nameParameter } from '#src/kernel/lists/name-parameter.ts';
import { isCron, hasMinPause, minMinutesBetweenRuns, runsEachMonth } from '#src/kernel/time/schedules.ts';
import { isTimeZone } from '#src/kernel/time/time-zones.ts';
import { singleLinePattern } from '#src/kernel/single-line.ts';
import { withRefused } from '#src/kernel/requests/texts/refused-value.ts';

/** Max numbers of one universe. */
export type UniverseLimits = { readonly maxAssets: number; readonly maxIndexes: number };

const text = (maxCharacters: number) =>
  boundedText(maxCharacters).regex(singleLinePattern, 'Must have no control characters');

export const universeName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
  error: withRefused('Must be 1 to 63 lower-case letters, digits, _ or -, such as my-stocks'),
});

const assetSchema = z
  .strictObject({
    symbol: nameParameter,
    name: text(200).optional().describe('Default: the symbol'),
    exchange: text(64).default(''),
    currency: text(16).default('USD'),
    provider_symbol: nameParameter.optional().describe('The symbol at the provider, if it differs'),
  })
  .meta({ id: 'UniverseAsset' });

/** The ratio of two smaller weights can be outside the range of numbers, and then the index has no value. */
const minWeight = 1e-9;

const constituentSchema = z
  .strictObject({
    symbol: nameParameter,
    weight: z
      .number()
      .min(minWeight, `Must be at least ${minWeight}: send a larger weight, or remove the constituent`)
      .max(1, 'Must be at most 1, and all weights must add up to 1: send 0.6 for 60 %')
      .optional()
      .describe('For fixed_weights: its part of the index, for example 0.6'),
    from: dateParameter.optional().describe('First day of the membership'),
    to: dateParameter.optional().describe('Last day of the membership'),
  })
  .meta({ id: 'IndexConstituent' });

const indexSchema = z
  .strictObject({
    code: nameParameter,
    name: text(200).min(1),
    method: z.enum(indexMethods),
    base_value: z.number().min(1e-3).max(1e9).default(defaultBaseValue).describe('The value on the first date'),
    base_date: dateParameter.optional().describe('The index begins at the first bar on or after this day'),
    return_type: z.enum(returnTypes).default('price').describe('`total`: cash dividends are reinvested'),
    rebalance: z
      .enum(rebalances)
      .optional()
      .describe(
        'When the weights are set again. Default: `each_bar` for equal_weighted, `never` for the other methods',
      ),
    constituents: z.array(constituentSchema).min(1),
  })
  .meta({ id: 'UniverseIndex' });

const cronSchema = boundedText(200);

/** When a universe is refreshed, as it is answered. The operator's file and settings can have any schedule. */
export const storedScheduleSchema = z
  .strictObject({ cron: cronSchema, time_zone: z.string() })
  .meta({ id: 'StoredRefreshSchedule' });

/** When a universe is refreshed. */
const scheduleSchema = z
  .strictObject({
    cron: cronSchema
      .refine(isCron, {
        error: withRefused(
          'Must be a five-field cron such as 30 5 * * 1-5 (minute, hour, day, month, day of the week)',
        ),
        abort: true,
      })
      .refine(hasMinPause, {
        error: withRefused(`Must run at most each ${minMinutesBetweenRuns} minutes, such as */15 * * * *`),
        abort: true,
      })
      .refine(runsEachMonth, {
        error: withRefused('Must run in each month, such as 0 5 1 * * or 0 5 L * * (first and last day of the month)'),
      }),
    time_zone: z
      .string()
      .refine(isTimeZone, { error: withRefused('Must be a name of the IANA database such as Europe/London') })
      .default('UTC'),
  })
  .meta({ id: 'RefreshSchedule' });

const shapeOf = ({ maxAssets, maxIndexes }: UniverseLimits) => ({
  title: text(200).default(''),
  source: z.enum(universeSources).describe('`provider`: the provider of MARKET_DATA_PROVIDER'),
  interval: z.enum(intervals),
  from: dateParameter
    .default(defaultFrom)
    .describe('First day of the prices. Indexes do not use earlier bars. The default has no limit'),
  exchange: z
    .enum(exchanges)
    .nullable()
    .default(null)
    .describe('The exchange whose trading days need a bar, as its market identifier code. Null: no check'),
  schedule: scheduleSchema
    .nullable()
    .optional()
    .describe('When the universe is refreshed. Null: never. Without this member REFRESH_SCHEDULES decides'),
  assets: z
    .array(assetSchema)
    .min(1)
    .max(maxAssets)
    .meta({ examples: [[{ symbol: 'AAPL', exchange: 'NASDAQ', currency: 'USD' }]] }),
  indexes: z.array(indexSchema).max(maxIndexes).default([]),
});

export type UniverseDocument = z.output<z.ZodObject<ReturnType<typeof shapeOf>>>;

/** The rules between members. */
const checkDocument = ({ assets, indexes }: Pick<UniverseDocument, 'assets' | 'indexes'>, refuse: Refuse): void => {
  const symbols = assets.map(({ symbol }) => symbol);
  const known = new Set(symbols);
  refuseRepeated(symbols, (index) => ['assets', index, 'symbol'], refuse);
  refuseRepeated(
    indexes.map(({ code }) => code),
    (index) => ['indexes', index, 'code'],
    refuse,
  );
  for (const [index, definition] of indexes.entries()) {
    checkIndex(definition, known, (path, message) => refuse(['indexes', index, ...path], message));
  }
};

/** The definition of a universe, as a request or a file has it. */
export const universeSchema = (limits: UniverseLimits) =>
  z
    .strictObject(shapeOf(limits))
    .superRefine((document, context) =>
      checkDocument(document, (path, message) => context.addIssue({ code: 'custom', path: [...path], message })),
    )
    .meta({ id: 'UniverseDefinition' });

export const toUniverse = (name: string, version: number, document: UniverseDocument): Universe => ({
  name,
  version,
  source: document.source,
  interval: document.interval,
  from: document.from,
  assets: document.assets.map(
    ({ symbol, name: title = symbol, exchange, currency, provider_symbol: providerSymbol }) => ({
      symbol,
      name: title,
      exchange,
      currency,
      ...(providerSymbol !== undefined && { providerSymbol }),
    }),
  ),
  indexes: document.indexes.map(({ code, name: title, method, constituents, ...rest }) => ({
    code,
    name: title,
    method,
    constituents: constituents.map(({ symbol }) => symbol),
    terms: new Map(constituents.map(({ symbol, ...terms }) => [symbol, terms])),
    baseValue: rest.base_value,
    pricesFrom: firstBarDay(document),
    baseDate: rest.base_date,
    returnType: rest.return_type,
    rebalance: rest.rebalance,
  })),
});

export const toDocument = (title: string, universe: Universe): UniverseDocument => ({
  title,
  source: universe.source ?? 'provider',
  interval: universe.interval,
  from: universe.from,
  exchange: null,
  assets: universe.assets.map(({ providerSymbol, ...asset }) => ({
    ...asset,
    ...(providerSymbol !== undefined && { provider_symbol: providerSymbol }),
  })),
  indexes: universe.indexes.map(({ code, name, method, constituents, terms, ...rest }) => ({
    code,
    name,
    method,
    base_value: rest.baseValue ?? defaultBaseValue,
    ...(rest.baseDate !== undefined && { base_date: rest.baseDate }),
    return_type: rest.returnType ?? 'price',
    ...(rest.rebalance !== undefined && { rebalance: rest.rebalance }),
    constituents: constituents.map((symbol) => ({ symbol, ...terms?.get(symbol) })),
  })),
});
