import { z } from 'zod';
import { AppError } from '#src/kernel/errors.ts';
import { listOf } from '#src/kernel/pagination.ts';
import { defineRoute } from '#src/kernel/route.ts';
import type { Route } from '#src/kernel/route.ts';
import type { PageRequest, Pages } from '#src/kernel/pages.ts';
import type { QuarantinedPrice } from './quarantine.ts';
import type { MarketDataQueries } from './queries.ts';
import type { RefreshRecord } from './refresh-records.ts';
import type { RefreshService } from './refresh-service.ts';
import { listQuery, quarantinedPriceSchema, refreshSchema } from './schemas.ts';

export type RefreshRoutesDependencies = {
  readonly refreshes: Pick<RefreshService, 'start'>;
  readonly queries: MarketDataQueries;
  readonly pages: Pages;
  /** What stands before every path, for `Location`. */
  readonly basePath: string;
};

/** Seconds; a longer wish is cut to it. */
const longestWait = 30;

const waitOf = (prefer: string | undefined): number => {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? '') ?? [];
  return Math.min(Number(seconds ?? 0), longestWait);
};

/** The ended record, or undefined after `seconds` or when the client has gone. */
const endedWithin = async (
  ended: Promise<RefreshRecord>,
  seconds: number,
  signal: AbortSignal,
): Promise<RefreshRecord | undefined> => {
  const over = Promise.withResolvers<undefined>();
  const give = (): void => over.resolve(undefined);
  const timer = setTimeout(give, seconds * 1000);
  signal.addEventListener('abort', give, { once: true });
  try {
    return await Promise.race([ended, over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', give);
  }
};

const admin = { tag: 'Market data', auth: { scope: 'market:refresh' }, rateLimit: 'user' } as const;

export const createRefreshRoutes = ({ refreshes, queries, pages, basePath }: RefreshRoutesDependencies): Route[] => [
  defineRoute({
    ...admin,
    method: 'POST',
    path: '/refreshes',
    summary: 'Refresh a universe; with Prefer: wait=SECONDS the answer is its record once it ended',
    request: {
      headers: z.object({ prefer: z.string().max(256).optional() }),
      body: z.strictObject({ universe: z.string().min(1).max(64) }),
    },
    responses: { 200: refreshSchema, 202: refreshSchema },
    errors: ['refresh_in_progress', 'shutting_down'],
    idempotency: true,
    handler: async ({ headers, body: { universe }, context }) => {
      const seconds = waitOf(headers.prefer);
      const accepted = (record: RefreshRecord) => ({
        status: 202 as const,
        body: record,
        headers: { Location: `${basePath}/refreshes/${record.id}` },
      });
      const { record, ended } = await refreshes.start({
        universe,
        trigger: 'request',
        waited: seconds > 0,
        alongRecord: async (transaction, stored) => context.idempotency?.remember(transaction, accepted(stored)),
      });
      const final = seconds > 0 ? await endedWithin(ended, seconds, context.signal) : undefined;
      const applied = seconds > 0 ? { 'Preference-Applied': `wait=${seconds}` } : {};
      const reply = final ? { status: 200 as const, body: final } : accepted(record);
      return { ...reply, headers: { ...('headers' in reply && reply.headers), ...applied } };
    },
  }),
  defineRoute({
    ...admin,
    method: 'GET',
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
    ...admin,
    method: 'GET',
    path: '/refreshes/{id}',
    summary: 'One refresh',
    request: { path: z.strictObject({ id: z.uuid() }) },
    responses: { 200: refreshSchema },
    etag: 'weak',
    errors: ['resource_not_found'],
    handler: async ({ path }) => {
      const record = await queries.refresh(path.id);
      if (!record) throw new AppError('resource_not_found', 'There is no such refresh');
      return { status: 200 as const, body: record };
    },
  }),
  defineRoute({
    ...admin,
    method: 'GET',
    path: '/refreshes/{id}/quarantined-prices',
    summary: 'What a refresh held back because a price moved too far, by symbol and date',
    request: { path: z.strictObject({ id: z.uuid() }), query: listQuery(quarantinedPriceSchema) },
    responses: { 200: listOf(quarantinedPriceSchema) },
    fields: true,
    etag: 'weak',
    errors: ['resource_not_found'],
    handler: async ({ path: { id }, query }) => {
      if (!(await queries.refresh(id))) throw new AppError('resource_not_found', 'There is no such refresh');
      const load = (page: PageRequest) => queries.quarantined(id, page);
      const keyOf = ({ symbol, date }: QuarantinedPrice): string => `${symbol} ${date}`;
      return { status: 200 as const, body: await pages.answer({ list: `quarantined ${id}` }, query, load, keyOf) };
    },
  }),
];
