import type { ExecutionContext } from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { type LogFields, type Logger } from '#src/kernel/ports/logger.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { createTwelveDataHttp } from '#src/market-data/providers/twelve-data-http.ts';
import { createTwelveData } from '#src/market-data/providers/twelve-data.ts';
import type { RefreshServiceDeps } from '#src/market-data/refresh/refresh-service.ts';
import { createCredits } from '#src/redis/credits.ts';
import { apiKey, startTwelveDataServer, type WireBar } from '#testkit/servers/providers/twelve-data-server.ts';
import { setup } from '../setup.ts';
import { fixedUniverses } from '#testkit/market-data/fixed-universes.ts';
import { createPatientPolicy } from './patient-policy.ts';

/** Two assets with monthly bars, and an index of each kind that tells a wrong price. */
export const pair: Universe = {
  name: 'pair',
  interval: '1month',
  from: '2000-01-01',
  assets: ['MSFT', 'IBM'].map((symbol) => ({ symbol, name: symbol, exchange: 'NASDAQ', currency: 'USD' })),
  indexes: [
    { code: 'MSFT_X', name: 'MSFT rebased', method: 'rebased', constituents: ['MSFT'] },
    { code: 'PAIR_EW', name: 'Pair equal-weighted', method: 'equal_weighted', constituents: ['MSFT', 'IBM'] },
  ],
};

export const monthOf = (index: number, day = 1): string =>
  `${2000 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}-${String(day).padStart(2, '0')}`;

/** A monthly bar as the provider sends it. */
export const wireBar = (month: number, close: number, low = close * 0.97, day = 1): WireBar => ({
  datetime: monthOf(month, day),
  open: close.toFixed(5),
  high: (close * 1.01).toFixed(5),
  low: low.toFixed(5),
  close: close.toFixed(5),
  volume: '1000',
});

/** The bar with all prices multiplied by `factor`. */
export const timesPrices = ({ datetime, open, high, low, close, volume }: WireBar, factor: number): WireBar => {
  const times = (price: string): string => (Number(price) * factor).toFixed(5);
  const scaled = { datetime, open: times(open), high: times(high), low: times(low), close: times(close) };
  return volume === undefined ? scaled : { ...scaled, volume };
};

/** Refreshes of `pair` from a Twelve Data server over HTTP into a database. */
export const setupPair = async (t: ExecutionContext, overrides: Partial<RefreshServiceDeps> = {}) => {
  const server = await startTwelveDataServer(t);
  const http = createTwelveDataHttp({ baseUrl: server.url, apiKey, connectTimeoutMs: 2_000 });
  t.teardown(http.close);
  const policy = createPatientPolicy('twelve_data');
  const credits = createCredits({ name: 'test', max: 100_000, period: 'minute', redis: undefined, clock: systemClock });
  const provider = createTwelveData({ http, policy, credits, timeoutMs: 10_000, clock: systemClock });
  const logged: { readonly fields: LogFields; readonly message: string }[] = [];
  const keep = (fields: LogFields, message: string): void => void logged.push({ fields, message });
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const service = await setup(t, {
    service: {
      provider,
      universes: fixedUniverses([pair]),
      logger,
      timeouts: { fetchMs: 15_000, applyMs: 20_000 },
      ...overrides,
    },
  });
  const { admin, refreshes } = service;
  const setBars = (symbol: string, bars: readonly WireBar[]): void => void server.bars.set(symbol, [...bars]);
  return {
    ...service,
    server,
    provider,
    logged,
    setBars,
    refresh: () => refreshes.run({ universe: 'pair', trigger: 'request' }),
    /** The stored closes of a symbol by date. */
    closes: async (symbol: string): Promise<Record<string, number>> => {
      const rows = await admin.query(
        'select date::text as date, close from price join asset on asset.id = asset_id where symbol = $1 order by date',
        [symbol],
      );
      return Object.fromEntries(rows.map(({ date, close }) => [date, close])) as Record<string, number>;
    },
    values: async (code: string): Promise<number[]> => {
      const rows = await admin.query(
        'select value from index_value join market_index on id = index_id where code = $1 order by date',
        [code],
      );
      return rows.map(({ value }) => value as number);
    },
  };
};

/** The closes that the provider sends now, by date. */
export const closesOf = (bars: readonly WireBar[]): Record<string, number> =>
  Object.fromEntries(bars.map(({ datetime, close }) => [datetime.slice(0, 10), Number(close)]));
