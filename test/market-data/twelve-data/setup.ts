import type { ExecutionContext } from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createTwelveDataHttp } from '#src/market-data/providers/twelve-data-http.ts';
import { createTwelveData } from '#src/market-data/providers/twelve-data.ts';
import { bundledUniverses, type Universe } from '#src/market-data/indexes/universes.ts';
import { createCredits } from '#src/redis/credits.ts';
import { createProviderPolicy } from '#testkit/market-data/provider-policy.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { apiKey, startTwelveDataServer } from '#testkit/servers/providers/twelve-data-server.ts';

export const [tech5, sp500] = bundledUniverses as [Universe, Universe];
export const noFallback = { fallback: false };
export const duration = 'volwatch_dependency_request_duration_seconds';

/** A clock that stands at 20 seconds of a minute, so that no credits are renewed during a test. */
const midMinute = { ...systemClock, now: () => new Date('2026-01-01T00:00:20Z') };

type Settings = { readonly timeoutMs?: number; readonly retries?: number; readonly perMinute?: number };

export const setup = async (
  t: ExecutionContext,
  { timeoutMs = 3_000, retries = 0, perMinute = 1_000 }: Settings = {},
) => {
  const server = await startTwelveDataServer(t);
  const metrics = recordMetrics();
  const http = createTwelveDataHttp({ baseUrl: server.url, apiKey, connectTimeoutMs: 500 });
  t.teardown(http.close);
  const policy = createProviderPolicy({ dependency: 'twelve_data', timeoutMs, retries, resetMs: 200, metrics });
  const credits = createCredits({ name: 'test', max: perMinute, period: 'minute', redis: undefined, clock: midMinute });
  const provider = createTwelveData({ http, policy, credits, timeoutMs, clock: systemClock });
  const fetch = (universe: Universe) => provider.fetch(universe, new AbortController().signal, noFallback);
  const refused = async (universe: Universe) => {
    const startedAt = performance.now();
    const error = await t.throwsAsync(fetch(universe), { instanceOf: AppError });
    return { code: error?.code, error, tookMs: performance.now() - startedAt };
  };
  return { server, metrics, provider, fetch, refused };
};
