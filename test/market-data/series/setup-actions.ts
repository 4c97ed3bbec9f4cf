import type { ExecutionContext } from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import type { MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { createTiingoHttp } from '#src/market-data/providers/tiingo-http.ts';
import { createTiingo } from '#src/market-data/providers/tiingo.ts';
import { createRefreshService, type RefreshServiceDeps } from '#src/market-data/refresh/refresh-service.ts';
import { createCredits } from '#src/redis/credits.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { startTiingoServer, tiingoBar, tiingoKey, weekdays } from '#testkit/servers/providers/tiingo-server.ts';
import { setup } from '../setup.ts';
import { createPatientPolicy } from './patient-policy.ts';

const symbols = Array.from({ length: 12 }, (_, place) => `T${place}`);
export const universeOf = (count: number, interval: Universe['interval'] = '1day'): Universe => ({
  name: 'acting',
  interval,
  from: '2000-01-03',
  assets: symbols.slice(0, count).map((symbol) => ({ symbol, name: symbol, exchange: 'X', currency: 'USD' })),
  indexes: [
    { code: 'PLAIN', name: 'Price', method: 'price_weighted', constituents: ['T0'] },
    { code: 'TOTAL', name: 'Total', method: 'price_weighted', returnType: 'total', constituents: ['T0'] },
  ],
});
export const days = weekdays('2000-01-03', 40);
export const fixedPrice = (from: number, to: number, close: number) =>
  days.slice(from, to).map((date) => tiingoBar(date, close));

/** Refreshes from a Tiingo server over HTTP into a database. */
export const setupActions = async (t: ExecutionContext, count = 1, interval: Universe['interval'] = '1day') => {
  const server = await startTiingoServer(t);
  for (const symbol of symbols) server.bars.set(symbol, fixedPrice(0, 30, 100));
  const http = createTiingoHttp({ baseUrl: server.url, apiKey: tiingoKey, connectTimeoutMs: 2_000 });
  t.teardown(http.close);
  const policy = createPatientPolicy('tiingo');
  const credits = createCredits({ name: 'test', max: 10_000, period: 'hour', redis: undefined, clock: systemClock });
  const provider = createTiingo({ http, policy, credits, timeoutMs: 10_000, clock: systemClock });
  const { deps, admin, database } = await setup(t);
  const refresh = (from: MarketDataProvider = provider, more: Partial<RefreshServiceDeps> = {}) => {
    const service = createRefreshService({
      ...deps,
      provider: from,
      universes: fixedUniverses([universeOf(count, interval)]),
      historyDays: 7,
      timeouts: { fetchMs: 15_000, applyMs: 20_000, creditsMs: 15_000 },
      ...more,
    });
    t.teardown(() => service.close());
    return service.run({ universe: 'acting', trigger: 'schedule' });
  };
  const actions = async (symbol = 'T0'): Promise<string[]> =>
    (
      await admin.query(
        `select concat_ws(' ', date, 'dividend', dividend, 'split', split_factor, 'shares', shares) as action
         from corporate_actions join asset on id = asset_id where symbol = $1 order by date`,
        [symbol],
      )
    ).map(({ action }) => String(action));
  const lastValue = async (code: string): Promise<number> => {
    const [row] = await admin.query(
      'select value from index_value join market_index on id = index_id where code = $1 order by date desc limit 1',
      [code],
    );
    return Math.round(Number(row?.['value']) * 1e6) / 1e6;
  };
  return { server, provider, refresh, actions, lastValue, admin, database, deps };
};

/** A source with the same prices that tells no actions. */
export const plainProvider = (close: number): MarketDataProvider => ({
  source: 'twelve_data',
  fetch: async ({ assets }) => ({
    source: 'provider',
    series: assets.map(({ symbol }) => ({
      symbol,
      prices: days.slice(0, 30).map((date) => ({ date, open: null, high: null, low: null, close, volume: null })),
    })),
  }),
});
