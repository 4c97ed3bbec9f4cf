import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import type { AssertCallerHolds } from '#src/kernel/ports/owners.ts';
import type { IncomingHttpHeaders } from 'node:http';
import type { ExecutionContext } from 'ava';
import { createIdempotency } from '#src/idempotency/idempotency.ts';
import { createIdempotencyQuota } from '#src/idempotency/quota.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import type { JobSchedule } from '#src/kernel/ports/jobs.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { createCachedReads } from '#src/market-data/reads/cached-reads.ts';
import { createExplanationPlaces } from '#src/market-data/reads/explanation-places.ts';
import { createMarketNearNames } from '#src/market-data/reads/near-names.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';
import { createMarketDataRoutes } from '#src/market-data/reads/market-data-routes.ts';
import { jsonBody, serve } from '#test/http/support.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { makeCache } from '#testkit/redis.ts';
import { limitRefreshes } from '#src/market-data/shared/limited-refreshes.ts';
import type { UniverseChangesDeps } from '#src/market-data/universes/universe-changes.ts';
import { createUniverseChanges } from '#src/market-data/universes/universe-changes.ts';
import { createRefreshSchedules } from '#src/market-data/universes/schedules/refresh-schedules.ts';
import { createUniverseQueries } from '#src/market-data/universes/universe-queries.ts';
import { createUniverseStatus } from '#src/market-data/universes/universe-status.ts';
import { createTradingDays } from '#src/market-data/quality/trading-days.ts';
import { sampleUniverses } from '#src/market-data/providers/sample-file-provider.ts';
import { setup, type Overrides } from './setup.ts';

export type Item = Record<string, unknown>;
export type List = { data: Item[]; page: { next_cursor: string | null; limit: number } };
export const base = '/api/v1';

const operator: Principal = { kind: 'client', subject: 'operator', scopes: ['market:refresh', 'market:manage'] };

/** The operator, or the client that the header `X-Caller` names. */
const authenticate = async ({ headers }: { readonly headers: IncomingHttpHeaders }): Promise<Principal> => {
  const named = headers['x-caller'];
  return typeof named === 'string' ? { ...operator, subject: named } : operator;
};

/** The routes of market data over HTTP, on a real database and cache, called by an operator. */
export const setupHttp = async (
  t: ExecutionContext,
  overrides: Overrides & {
    readonly changes?: Partial<UniverseChangesDeps>;
    readonly maxRefreshes?: number;
    readonly assertCallerHolds?: AssertCallerHolds;
  } = {},
) => {
  const cache = makeCache(t);
  const service = await setup(t, {
    ...overrides,
    service: { committed: ({ name }) => cache.invalidate(name), ...overrides.service },
  });
  const { refreshes, database } = service;
  const abuse = recordAbuse();
  const { kinds } = abuse;
  const queries = createMarketDataQueries({
    reader: database.reader,
    primary: database.reader,
    explanationPlaces: createExplanationPlaces({ abuse, metrics: noMetrics }),
  });
  const cachedReads = createCachedReads({
    cache,
    queries,
    uncached: queries,
    universes: service.deps.universes,
    logger: silentLogger,
  });
  const cursors = createCursors({ secret: 'a secret for this test alone' });
  /** The universes whose refresh or check a change has enqueued. */
  const enqueued: string[] = [];
  /** The schedules that are stored, by universe. */
  const scheduled = new Map<string, JobSchedule>();
  const schedules = createRefreshSchedules({
    ...service.deps,
    defaults: new Map([['tech5', '0 5 * * *']]),
    jobs: {
      schedule: async (_, schedule) => void scheduled.set(schedule.key, schedule),
      unschedule: async (_, __, key) => void scheduled.delete(key),
      replaceSchedules: async () => {},
      schedules: async () => [...scheduled.values()],
    },
  });
  const { assertCallerHolds = async () => {} } = overrides;
  const changes = createUniverseChanges({
    ...service.deps,
    assertCallerHolds,
    schedules,
    jobs: { enqueue: async (_, __, { data }) => enqueued.push(data['universe']!) > 0 },
    maxUniverses: 5,
    providerSource: 'sample',
    sourceFault: (source, name) =>
      source === 'upload' || sampleUniverses.includes(name) ? undefined : 'Has no data of this universe',
    statementTimeoutMs: 20_000,
    changed: cachedReads.definitionChanged,
    ...overrides.changes,
  });
  const routes = createMarketDataRoutes({
    refreshes: limitRefreshes(refreshes, { abuse, max: overrides.maxRefreshes ?? 4 }),
    queries,
    cachedReads,
    cursors,
    nearNames: createMarketNearNames({ reader: database.reader, clock: service.deps.clock }),
    basePath: base,
    uploads: {
      uploads: refreshes,
      assertCallerHolds,
      abuse,
      maxUploads: 2,
    },
    universes: {
      changes,
      queries: createUniverseQueries(database.reader),
      status: createUniverseStatus({
        reader: database.reader,
        clock: service.deps.clock,
        tradingDays: createTradingDays(),
        expectedAfterHours: 24,
        scheduleOf: schedules.of,
      }),
      scheduleOf: schedules.of,
      limits: { maxAssets: 6, maxIndexes: 6 },
    },
  });
  const idempotency = createIdempotency({
    ...service.deps,
    assertCallerMayStore: async () => {},
    quota: createIdempotencyQuota({ maxKeysPerOwner: 100, abuse }),
    ttlMs: 60_000,
    leaseMs: 10_000,
  });
  const { call, port } = await serve(t, { routes, authenticate, idempotency });
  const get = async <Body = Item>(path: string, status = 200): Promise<Body> => {
    const response = await call(base + path);
    t.is(response.status, status, path);
    return (await response.json()) as Body;
  };
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    call(`${base}/refreshes`, jsonBody(body, headers));
  return { ...service, changes, enqueued, scheduled, schedules, call, port, kinds, get, post, routes };
};

/** As `setupHttp`, with both bundled universes refreshed. */
export const loaded = async (t: ExecutionContext) => {
  const http = await setupHttp(t);
  for (const universe of ['tech5', 'sp500']) await http.refreshes.run({ universe, trigger: 'startup' });
  return http;
};

/** The members that a problem names. */
export const pointers = (problem: Item): unknown[] => (problem['errors'] as Item[]).map(({ pointer }) => pointer);
