import { z } from 'zod';
import { AppError } from '#src/kernel/errors.ts';
import { listOf } from '#src/kernel/pagination.ts';
import type { Cursors } from '#src/kernel/pagination.ts';
import { defineRoute } from '#src/kernel/route.ts';
import type { Route } from '#src/kernel/route.ts';
import { cacheHeaders } from './cached-reads.ts';
import type { CachedReads } from './cached-reads.ts';
import { createPages, type PageRequest } from '#src/kernel/pages.ts';
import type { MarketDataQueries } from './queries.ts';
import { createRefreshRoutes } from './refresh-routes.ts';
import type { RefreshService } from './refresh-service.ts';
import { assetSchema, indexSchema, indexValueSchema, listQuery, nameParameter, priceSchema } from './schemas.ts';

export type MarketDataRoutesDependencies = {
  readonly refreshes: Pick<RefreshService, 'start'>;
  readonly queries: MarketDataQueries;
  readonly cachedReads: CachedReads;
  readonly cursors: Cursors;
  /** What stands before every path, for `Location`. */
  readonly basePath: string;
};

const found = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new AppError('resource_not_found', `There is no such ${what}`);
  return value;
};

const read = { method: 'GET', tag: 'Market data', auth: 'public', rateLimit: 'ip', etag: 'weak' } as const;
const bySymbol = z.strictObject({ symbol: nameParameter });
const byCode = z.strictObject({ code: nameParameter });

/** Assets, prices, indexes and refreshes, as the API contract has them. */
export const createMarketDataRoutes = ({
  refreshes,
  queries,
  cachedReads,
  cursors,
  basePath,
}: MarketDataRoutesDependencies): Route[] => {
  const pages = createPages({ cursors });

  return [
    defineRoute({
      ...read,
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
      ...read,
      path: '/assets/{symbol}',
      summary: 'One asset',
      request: { path: bySymbol },
      responses: { 200: assetSchema },
      errors: ['resource_not_found'],
      handler: async ({ path }) => ({ status: 200 as const, body: found(await queries.asset(path.symbol), 'asset') }),
    }),
    defineRoute({
      ...read,
      path: '/assets/{symbol}/prices',
      summary: 'Prices of an asset, oldest first',
      request: { path: bySymbol, query: listQuery(priceSchema) },
      responses: { 200: listOf(priceSchema) },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path: { symbol }, query }) => {
        let headers = {};
        const load = async (page: PageRequest) => {
          const cached = await cachedReads.prices(symbol, page);
          headers = cacheHeaders(cached);
          return found(cached.value, 'asset');
        };
        const body = await pages.answer({ list: `prices ${symbol}` }, query, load, ({ date }) => date);
        return { status: 200 as const, body, headers };
      },
    }),
    defineRoute({
      ...read,
      path: '/indexes',
      summary: 'Indexes by code',
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
      ...read,
      path: '/indexes/{code}',
      summary: 'One index',
      request: { path: byCode },
      responses: { 200: indexSchema },
      errors: ['resource_not_found'],
      handler: async ({ path }) => ({ status: 200 as const, body: found(await queries.index(path.code), 'index') }),
    }),
    defineRoute({
      ...read,
      path: '/indexes/{code}/values',
      summary: 'Values of an index, oldest first',
      request: { path: byCode, query: listQuery(indexValueSchema) },
      responses: { 200: listOf(indexValueSchema) },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path: { code }, query }) => {
        let headers = {};
        const load = async (page: PageRequest) => {
          const cached = await cachedReads.indexValues(code, page);
          headers = cacheHeaders(cached);
          return found(cached.value, 'index');
        };
        const body = await pages.answer({ list: `values ${code}` }, query, load, ({ date }) => date);
        return { status: 200 as const, body, headers };
      },
    }),
    ...createRefreshRoutes({ refreshes, queries, pages, basePath }),
  ];
};
