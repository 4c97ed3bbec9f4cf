import { z } from 'zod';
import { dateParameter } from '#src/kernel/lists/pagination.ts';
import { indexMethods, universeSources, type IndexMethod, type Universe } from '../indexes/universes.ts';
import { intervals } from '../series/periods.ts';
import { nameParameter } from '../names.ts';
import { singleLine } from '#src/kernel/single-line.ts';

/** Max numbers of one universe. */
export type UniverseLimits = { readonly maxAssets: number; readonly maxIndexes: number };

const text = (maxCharacters: number) =>
  z.string().max(maxCharacters).regex(singleLine, 'Must have no control characters');

export const universeName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/);

const assetSchema = z
  .strictObject({
    symbol: nameParameter,
    name: text(200).optional().describe('Default: the symbol'),
    exchange: text(64).default(''),
    currency: text(16).default('USD'),
    provider_symbol: nameParameter.optional().describe('The symbol at the provider, if it differs'),
  })
  .meta({ id: 'UniverseAsset' });

/** When the weights of an index change. It follows from the method. */
const rebalanceOf = (method: IndexMethod): 'never' | 'each_bar' => (method === 'equal_weighted' ? 'each_bar' : 'never');

const indexSchema = z
  .strictObject({
    code: nameParameter,
    name: text(200).min(1),
    method: z.enum(indexMethods),
    base_value: z.literal(1000).default(1000),
    return_type: z.literal('price').default('price'),
    rebalance: z
      .enum(['never', 'each_bar'])
      .optional()
      .describe('`each_bar` for equal_weighted, `never` for the other methods'),
    constituents: z.array(z.strictObject({ symbol: nameParameter }).meta({ id: 'IndexConstituent' })).min(1),
  })
  .meta({ id: 'UniverseIndex' });

const shapeOf = ({ maxAssets, maxIndexes }: UniverseLimits) => ({
  title: text(200).default(''),
  source: z.enum(universeSources).describe('`provider`: the provider of MARKET_DATA_PROVIDER'),
  interval: z.enum(intervals),
  from: dateParameter.default('1970-01-01').describe('First day of the prices'),
  schedule: z.null().default(null).describe('REFRESH_SCHEDULES has the schedules'),
  assets: z.array(assetSchema).min(1).max(maxAssets),
  indexes: z.array(indexSchema).max(maxIndexes).default([]),
});

export type UniverseDocument = z.output<z.ZodObject<ReturnType<typeof shapeOf>>>;

type Refuse = (path: readonly (string | number)[], message: string) => void;

const refuseRepeated = (names: readonly string[], pathOf: (index: number) => (string | number)[], refuse: Refuse) => {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name)) refuse(pathOf(index), 'Occurs twice');
    seen.add(name);
  }
};

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
  for (const [index, { method, rebalance, constituents }] of indexes.entries()) {
    const at = (...path: (string | number)[]) => ['indexes', index, ...path];
    const names = constituents.map(({ symbol }) => symbol);
    refuseRepeated(names, (position) => at('constituents', position, 'symbol'), refuse);
    for (const [position, symbol] of names.entries()) {
      if (!known.has(symbol)) refuse(at('constituents', position, 'symbol'), 'Is no asset of this universe');
    }
    if (method === 'rebased' && names.length !== 1) refuse(at('constituents'), 'A rebased index has one constituent');
    if (rebalance !== undefined && rebalance !== rebalanceOf(method)) {
      refuse(at('rebalance'), `Must be ${rebalanceOf(method)} for ${method}`);
    }
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
    ({ symbol, name: title = symbol, exchange, currency, provider_symbol: twelveDataSymbol }) => ({
      symbol,
      name: title,
      exchange,
      currency,
      ...(twelveDataSymbol !== undefined && { twelveDataSymbol }),
    }),
  ),
  indexes: document.indexes.map(({ code, name: title, method, constituents }) => ({
    code,
    name: title,
    method,
    constituents: constituents.map(({ symbol }) => symbol),
  })),
});

export const toDocument = (title: string, universe: Universe): UniverseDocument => ({
  title,
  source: universe.source ?? 'provider',
  interval: universe.interval,
  from: universe.from,
  schedule: null,
  assets: universe.assets.map(({ twelveDataSymbol, ...asset }) => ({
    ...asset,
    ...(twelveDataSymbol !== undefined && { provider_symbol: twelveDataSymbol }),
  })),
  indexes: universe.indexes.map((index) => ({
    ...index,
    base_value: 1000,
    return_type: 'price',
    constituents: index.constituents.map((symbol) => ({ symbol })),
  })),
});
