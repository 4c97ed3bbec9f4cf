import type { ExecutionContext } from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { createTiingoHttp } from '#src/market-data/providers/tiingo-http.ts';
import { createTiingo } from '#src/market-data/providers/tiingo.ts';
import { createCredits } from '#src/redis/credits.ts';
import { createProviderPolicy } from '#testkit/market-data/provider-policy.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startTiingoServer, tiingoBar, tiingoKey } from '#testkit/servers/providers/tiingo-server.ts';

export const universe: Universe = {
  name: 'two',
  interval: '1day',
  from: '2000-01-01',
  assets: [
    { symbol: 'MSFT', name: 'Microsoft', exchange: 'NASDAQ', currency: 'USD' },
    { symbol: 'BRK.B', name: 'Berkshire', exchange: 'NYSE', currency: 'USD', providerSymbol: 'BRK-B' },
  ],
  indexes: [],
};

/** A clock that stands at 50 minutes of an hour, so that no requests are renewed during a test. */
const lateInTheHour = { ...systemClock, now: () => new Date('2026-01-01T00:50:00Z') };

type Settings = { readonly timeoutMs?: number; readonly retries?: number; readonly perHour?: number };

export const setup = async (
  t: ExecutionContext,
  { timeoutMs = 3_000, retries = 0, perHour = 1_000 }: Settings = {},
) => {
  const server = await startTiingoServer(t);
  server.bars.set('BRK-B', [tiingoBar('2000-01-03', 2_000), tiingoBar('2000-01-04', 2_010)]);
  const metrics = recordMetrics();
  const http = createTiingoHttp({ baseUrl: server.url, apiKey: tiingoKey, connectTimeoutMs: 500 });
  t.teardown(http.close);
  const policy = createProviderPolicy({ dependency: 'tiingo', timeoutMs, retries, resetMs: 60_000, metrics });
  const credits = createCredits({ name: 'test', max: perHour, period: 'hour', redis: undefined, clock: lateInTheHour });
  const provider = createTiingo({ http, policy, credits, timeoutMs, clock: systemClock });
  const fetch = (asked: Universe = universe, options: object = {}) =>
    provider.fetch(asked, new AbortController().signal, { fallback: false, ...options });
  const refused = async (asked: Universe = universe): Promise<AppError> => {
    const error = await t.throwsAsync(fetch(asked), { instanceOf: AppError });
    return error;
  };
  return { server, metrics, provider, fetch, refused };
};
