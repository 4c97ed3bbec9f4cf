import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { listOf, resourceQuery } from '#src/kernel/lists/pagination.ts';
import type { Cursors } from '#src/kernel/lists/pagination.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import { cacheHeaders, type CachedReads } from './cached-reads.ts';
import { createPages, digestOfFilters, type PageRequest } from '#src/kernel/lists/pages.ts';
import type { MarketDataQueries, SeriesPage } from './queries.ts';
import type { MarketNearNames } from './near-names.ts';
import { answerSeries } from './series-pages.ts';
import { noSuchText } from '#src/kernel/lists/near-names.ts';
import { nameParameter } from '#src/kernel/lists/name-parameter.ts';
import { createRefreshRoutes } from '../refresh/refresh-routes.ts';
import type { RefreshService } from '../refresh/refresh-service.ts';
import { createUniverseRoutes, type UniverseRoutesDeps } from '../universes/universe-routes.ts';
import { createUploadRoutes, type UploadRoutesDeps } from '../uploads/upload-routes.ts';
import {
  assetSchema,
  explainQuery,
  indexExplanationSchema,
  indexSchema,
  indexValueSchema,
  listQuery,
  priceSchema,
  seriesQuery,
  symbolPriceSchema,
  symbolsQuery,
} from './schemas.ts';
import { tableHeaders, tableReply, tableTypes } from './tables.ts';

export type MarketDataRoutesDeps = {
  readonly refreshes: Pick<RefreshService, 'start'>;
  readonly queries: MarketDataQueries;
  readonly cachedReads: CachedReads;
  readonly cursors: Cursors;
  readonly nearNames: MarketNearNames;
  /** Prefix of all paths, for the header `Location`. */
  readonly basePath: string;
  readonly universes: Omit<UniverseRoutesDeps, 'pages' | 'basePath' | 'nearestUniverse'>;
  readonly uploads: Pick<UploadRoutesDeps, 'uploads' | 'assertCallerHolds' | 'abuse' | 'maxUploads'>;
};

const publicRead = {
  method: 'GET',
  tag: 'Market data',
  auth: 'optional',
  rateLimit: 'caller',
  load: 'read',
  etag: 'weak',
} as const;
/** Days are a part of the key of a series, so a filter by days looks at no row that is not in the answer. */
const byKey: readonly string[] = [];
const columnsOf = ({ shape }: z.ZodObject): string[] => Object.keys(shape);
const bySymbol = z.strictObject({ symbol: nameParameter });
const byCode = z.strictObject({ code: nameParameter });

/** The routes of assets, prices, indexes, refreshes and universes. */
export const createMarketDataRoutes = ({
  refreshes,
  queries,
  cachedReads,
  cursors,
  nearNames,
  basePath,
  universes,
  uploads,
}: MarketDataRoutesDeps): Route[] => {
  const pages = createPages({ cursors });
  const orNotFound = async <T>(value: T | undefined, kind: 'asset' | 'index', name: string): Promise<T> => {
    if (value !== undefined) return value;
    throw new AppError('resource_not_found', await noSuchText(kind, name, nearNames[kind]));
  };

  return [
    defineRoute({
      ...publicRead,
      path: '/assets',
      summary: 'Assets by symbol',
      request: { query: listQuery(assetSchema) },
      responses: { 200: listOf(assetSchema) },
      fields: true,
      errors: [],
      handler: async ({ query }) => ({
        status: 200 as const,
        body: await pages.answer({ list: 'assets' }, query, queries.assets, ({ symbol }) => symbol),
      }),
    }),
    defineRoute({
      ...publicRead,
      path: '/assets/{symbol}',
      summary: 'One asset',
      request: { path: bySymbol, query: resourceQuery(assetSchema) },
      responses: { 200: assetSchema },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path }) => ({
        status: 200 as const,
        body: await orNotFound(await queries.asset(path.symbol), 'asset', path.symbol),
      }),
    }),
    defineRoute({
      ...publicRead,
      path: '/assets/{symbol}/prices',
      summary: 'Prices of an asset',
      scansBy: byKey,
      produces: tableTypes,
      request: { path: bySymbol, query: seriesQuery(priceSchema), headers: tableHeaders },
      responses: { 200: listOf(priceSchema) },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path: { symbol }, query, headers: { accept } }) => {
        const unadjusted = query.adjusted === 'false';
        const load = (page: SeriesPage) => cachedReads.prices(symbol, { ...page, unadjusted });
        const answer = await answerSeries(pages, { list: 'prices', name: symbol, query, load });
        const { body, headers } = await orNotFound(answer, 'asset', symbol);
        return tableReply(body, { accept, columns: query.fields ?? columnsOf(priceSchema), headers });
      },
    }),
    defineRoute({
      ...publicRead,
      path: '/prices',
      summary: 'Prices of several assets, sorted by symbol and date',
      scansBy: byKey,
      produces: tableTypes,
      request: { query: symbolsQuery, headers: tableHeaders },
      responses: { 200: listOf(symbolPriceSchema) },
      fields: true,
      errors: [],
      handler: async ({ query, headers }) => {
        const symbols = query.symbols.toSorted();
        const unadjusted = query.adjusted === 'false';
        const load = (page: PageRequest) => queries.manyPrices(symbols, { ...page, unadjusted });
        const list = { list: 'prices of symbols', symbols: digestOfFilters(symbols.join(',')) };
        const body = await pages.answer(list, query, load, ({ symbol, date }) => `${symbol} ${date}`);
        return tableReply(body, { accept: headers.accept, columns: query.fields ?? columnsOf(symbolPriceSchema) });
      },
    }),
    defineRoute({
      ...publicRead,
      path: '/indexes',
      summary: 'Indexes by code',
      // Each index has its constituents, which can be thousands, and is looked up in its values.
      scansBy: 'always',
      request: { query: listQuery(indexSchema) },
      responses: { 200: listOf(indexSchema) },
      fields: true,
      errors: [],
      handler: async ({ query }) => ({
        status: 200 as const,
        body: await pages.answer({ list: 'indexes' }, query, queries.indexes, ({ code }) => code),
      }),
    }),
    defineRoute({
      ...publicRead,
      path: '/indexes/{code}',
      summary: 'One index',
      scansBy: 'always',
      request: { path: byCode, query: resourceQuery(indexSchema) },
      responses: { 200: indexSchema },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path }) => ({
        status: 200 as const,
        body: await orNotFound(await queries.index(path.code), 'index', path.code),
      }),
    }),
    defineRoute({
      ...publicRead,
      path: '/indexes/{code}/values',
      summary: 'Values of an index',
      scansBy: byKey,
      produces: tableTypes,
      request: { path: byCode, query: seriesQuery(indexValueSchema), headers: tableHeaders },
      responses: { 200: listOf(indexValueSchema) },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path: { code }, query, headers: { accept } }) => {
        const load = (page: SeriesPage) => cachedReads.indexValues(code, page);
        const answer = await answerSeries(pages, { list: 'values', name: code, query, load });
        const { body, headers } = await orNotFound(answer, 'index', code);
        return tableReply(body, { accept, columns: query.fields ?? columnsOf(indexValueSchema), headers });
      },
    }),
    defineRoute({
      ...publicRead,
      path: '/indexes/{code}/explain',
      summary: 'How the value of a day follows from prices, shares and divisor, and what changed on that day',
      // An answer has all constituents. One of the cache is verified and parsed in one turn: about 1 ms for each thousand.
      scansBy: 'always',
      request: { path: byCode, query: explainQuery },
      responses: { 200: indexExplanationSchema },
      fields: true,
      errors: ['resource_not_found', 'index_not_calculated'],
      handler: async ({ path: { code }, query: { date = null } }) => {
        const { value, ...cached } = await cachedReads.explainIndex(code, date);
        const body = await orNotFound(value, 'index', code);
        return { status: 200 as const, headers: cacheHeaders(cached), body };
      },
    }),
    ...createRefreshRoutes({ refreshes, queries, pages, basePath }),
    ...createUniverseRoutes({ ...universes, nearestUniverse: nearNames.universe, pages, basePath }),
    ...createUploadRoutes({ ...uploads, universes: universes.queries, nearestUniverse: nearNames.universe, basePath }),
  ];
};
