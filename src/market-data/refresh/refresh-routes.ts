import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { listOf, resourceQuery } from '#src/kernel/lists/pagination.ts';
import { byId } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import type { PageRequest, Pages } from '#src/kernel/lists/pages.ts';
import type { HeldRow, MarketDataQueries } from '../reads/queries.ts';
import { refreshFailure } from './refresh-failure.ts';
import type { RefreshRecord } from './refresh-records.ts';
import type { RefreshService } from './refresh-service.ts';
import { endedWithin, waitSecondsOf } from './wait.ts';
import { listQuery, quarantinedPriceSchema, refreshSchema } from '../reads/schemas.ts';

export type RefreshRoutesDeps = {
  readonly refreshes: Pick<RefreshService, 'start'>;
  readonly queries: MarketDataQueries;
  readonly pages: Pages;
  /** Prefix of all paths, for the header `Location`. */
  readonly basePath: string;
};

const refreshRequest = z
  .strictObject({
    universe: boundedText(64)
      .min(1)
      .meta({ description: 'Name of a universe, as GET /universes lists it', examples: ['tech5'] }),
  })
  .meta({ id: 'RefreshRequest' });

const common = { tag: 'Refreshes', auth: { scope: 'market:refresh' }, rateLimit: 'caller' } as const;

/** The routes below `/refreshes`. */
export const createRefreshRoutes = ({ refreshes, queries, pages, basePath }: RefreshRoutesDeps): Route[] => [
  defineRoute({
    ...common,
    method: 'POST',
    load: 'write',
    path: '/refreshes',
    summary: 'Refresh a universe',
    description:
      'Starts a refresh and answers 202 with its record. With `Prefer: wait=SECONDS` (at most 30) the answer is the record of ' +
      'the ended refresh, or its error with the record in the member `refresh`.',
    request: {
      headers: z.object({ prefer: boundedText(256).optional() }),
      body: refreshRequest,
    },
    responses: { 200: refreshSchema, 202: refreshSchema },
    errors: [
      'refresh_in_progress',
      'shutting_down',
      'external_api_bad_response',
      'external_api_unavailable',
      'external_api_timeout',
    ],
    problemMembers: z
      .looseObject({
        refresh: refreshSchema.optional().describe('The refresh, if the caller has waited for it and it has failed'),
      })
      .meta({ title: 'Refresh' }),
    idempotency: true,
    handler: async ({ headers, body: { universe }, context }) => {
      const seconds = waitSecondsOf(headers.prefer);
      const accepted = (record: RefreshRecord) => ({
        status: 202 as const,
        body: record,
        headers: { Location: `${basePath}/refreshes/${record.id}` },
      });
      const { record, ended } = await refreshes.start({
        universe,
        trigger: 'request',
        waited: seconds > 0,
        inRecordTransaction: async (transaction, stored) =>
          context.idempotency?.remember(transaction, accepted(stored)),
      });
      const final = seconds > 0 ? await endedWithin(ended, seconds, context.signal) : undefined;
      const applied = seconds > 0 ? { 'Preference-Applied': `wait=${seconds}` } : {};
      const failure = final && refreshFailure(final, applied);
      if (failure) throw failure;
      const reply = final ? { status: 200 as const, body: final } : accepted(record);
      return { ...reply, headers: { ...('headers' in reply && reply.headers), ...applied } };
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    load: 'read',
    path: '/refreshes',
    summary: 'Refreshes, newest first',
    request: { query: listQuery(refreshSchema) },
    responses: { 200: listOf(refreshSchema) },
    fields: true,
    etag: 'weak',
    errors: [],
    handler: async ({ query }) => ({
      status: 200 as const,
      body: await pages.answer({ list: 'refreshes' }, query, queries.refreshes, ({ id }) => id),
    }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    load: 'read',
    path: '/refreshes/{id}',
    summary: 'One refresh',
    request: { path: byId, query: resourceQuery(refreshSchema) },
    responses: { 200: refreshSchema },
    fields: true,
    etag: 'weak',
    errors: ['resource_not_found'],
    handler: async ({ path }) => {
      const record = await queries.refresh(path.id);
      if (!record) throw new AppError('resource_not_found', 'There is no such refresh');
      return { status: 200 as const, body: record };
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    load: 'read',
    path: '/refreshes/{id}/quarantined-prices',
    summary: 'Bars that a refresh held back',
    request: { path: byId, query: listQuery(quarantinedPriceSchema) },
    responses: { 200: listOf(quarantinedPriceSchema) },
    fields: true,
    etag: 'weak',
    errors: ['resource_not_found'],
    handler: async ({ path: { id }, query }) => {
      if (!(await queries.refresh(id))) throw new AppError('resource_not_found', 'There is no such refresh');
      const load = (page: PageRequest) => queries.quarantined(id, page);
      const keyOf = ({ asset_id: asset, date }: HeldRow): string => `${asset} ${date}`;
      const { data, page } = await pages.answer({ list: `held ${id}` }, query, load, keyOf);
      const items = data.map(({ symbol, date, price, reference, reason }) => ({
        symbol,
        date,
        price,
        reference,
        reason,
      }));
      return { status: 200 as const, body: { data: items, page } };
    },
  }),
];
