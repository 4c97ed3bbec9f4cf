import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#src/kernel/clock.ts';
import { AppError, codeOf } from '#src/kernel/errors.ts';
import type { HealthCheck } from '#src/kernel/health.ts';
import type { Policy } from '#src/kernel/policy.ts';
import { addTiming } from '#src/kernel/request-context.ts';
import { assertOutsideTransaction } from '#src/kernel/unit-of-work.ts';
import type { FetchedSeries, MarketDataProvider, PriceBar } from './provider.ts';
import { throttled, type TwelveDataHttp } from './twelve-data-http.ts';
import { readTimeSeries, type WireSeries } from './twelve-data-wire.ts';
import type { Universe } from './universes.ts';

/** Credits of the account, shared by every process that spends them. */
type Credits = {
  readonly perMinute: number;
  /** Takes `count` or none. @returns milliseconds to wait before asking again; 0 when they were taken */
  readonly take: (count: number) => Promise<number>;
};

export type TwelveDataDeps = {
  readonly http: TwelveDataHttp;
  readonly policy: Policy;
  readonly credits: Credits;
  /** Milliseconds for all requests of one fetch together. */
  readonly timeoutMs: number;
  readonly clock: Clock;
};

export type TwelveData = MarketDataProvider & {
  /** From the circuit and the last fetch: a check of its own would cost credits. */
  readonly healthCheck: HealthCheck;
};

const largestPage = 5_000;
/** Years whose bars fit into a page for certain. */
const yearsPerPage = { '1day': 13, '1month': 400 } as const;
const dayMs = 86_400_000;

type Page = { readonly from: string; readonly to: string };

/** Each ends on the day that the next begins with: whether an end is inclusive then does not matter. */
const pagesFrom = ({ from, interval }: Universe, now: Date): Page[] => {
  const tomorrow = new Date(now.getTime() + dayMs);
  const first = Number(from.slice(0, 4));
  const pages: Page[] = [];
  for (let year = first; year <= tomorrow.getUTCFullYear(); year += yearsPerPage[interval]) {
    pages.push({
      from: year === first ? from : `${year}-01-01`,
      to: `${Math.min(year + yearsPerPage[interval], tomorrow.getUTCFullYear() + 1)}-01-01`,
    });
  }
  return pages;
};

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

const bad = (what: string): AppError =>
  new AppError('external_api_bad_response', `The market data provider answered with ${what}`);

const equal = (a: PriceBar, b: PriceBar): boolean =>
  a.open === b.open && a.high === b.high && a.low === b.low && a.close === b.close && a.volume === b.volume;

/** Pages as one series, oldest first. A bar that comes twice must be the same twice. */
const merged = (symbol: string, bars: readonly PriceBar[], now: Date): FetchedSeries => {
  const byDate = new Map<string, PriceBar>();
  // A day further east has begun; anything later cannot have been traded.
  const tomorrow = new Date(now.getTime() + dayMs).toISOString().slice(0, 10);
  for (const bar of bars) {
    const known = byDate.get(bar.date);
    if (known && !equal(known, bar)) throw bad(`two different prices of ${symbol} for one date`);
    if (bar.date > tomorrow) throw bad(`a price of ${symbol} from the future`);
    byDate.set(bar.date, bar);
  }
  return { symbol, prices: [...byDate.values()].sort((a, b) => (a.date < b.date ? -1 : 1)) };
};

/** Market data of api.twelvedata.com: `time_series`, several symbols a request, a credit for each. */
export const createTwelveData = ({ http, policy, credits, timeoutMs, clock }: TwelveDataDeps): TwelveData => {
  let lastFailure: string | undefined;

  const spend = async (count: number, deadline: number, signal: AbortSignal): Promise<void> => {
    for (let wait = await credits.take(count); wait > 0; wait = await credits.take(count)) {
      if (clock.monotonic() + wait >= deadline) throw throttled(Math.ceil(wait / 1_000));
      await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  };

  type Batch = { readonly assets: Universe['assets']; readonly page: Page };
  const symbolOf = ({ symbol, twelveDataSymbol = symbol }: Universe['assets'][number]): string => twelveDataSymbol;

  const ask = async (
    { interval }: Universe,
    { assets, page }: Batch,
    deadline: number,
    outer: AbortSignal,
  ): Promise<ReadonlyMap<string, WireSeries>> => {
    const symbols = assets.map(symbolOf);
    const query = {
      symbol: symbols.join(','),
      interval,
      start_date: page.from,
      end_date: page.to,
      outputsize: String(largestPage),
      order: 'ASC',
      timezone: 'Exchange',
      format: 'JSON',
    };
    await spend(symbols.length, deadline, outer);
    let sent = 0;
    const body = await policy.run({ signal: outer, deadline, idempotent: true }, async (signal) => {
      // A repetition costs again. It is counted, but does not wait: the first attempt's credits may not have been taken.
      if (sent > 0) await credits.take(symbols.length);
      sent += 1;
      return http.get('time_series', query, signal);
    });
    return readTimeSeries({ symbols, interval }, body);
  };

  const fetchAll = async (universe: Universe, signal: AbortSignal): Promise<FetchedSeries[]> => {
    const deadline = clock.monotonic() + timeoutMs;
    const bars = new Map(universe.assets.map((asset) => [asset.symbol, [] as PriceBar[]]));
    for (const page of pagesFrom(universe, clock.now())) {
      for (const assets of chunks(universe.assets, credits.perMinute)) {
        const found = await ask(universe, { assets, page }, deadline, signal);
        for (const asset of assets) {
          const series = found.get(symbolOf(asset));
          if (series?.currency !== undefined && series.currency !== asset.currency) {
            throw bad(`${asset.symbol} in another currency`);
          }
          bars.get(asset.symbol)?.push(...(series?.bars ?? []));
        }
      }
    }
    return [...bars].map(([symbol, all]) => merged(symbol, all, clock.now()));
  };

  return {
    fetch: async (universe, signal) => {
      assertOutsideTransaction('Calling Twelve Data');
      const begun = clock.monotonic();
      try {
        const series = await fetchAll(universe, signal);
        const empty = series.find(({ prices }) => prices.length === 0);
        if (empty) throw bad(`no prices for ${empty.symbol}`);
        lastFailure = undefined;
        return { source: 'provider', series };
      } catch (error) {
        lastFailure = codeOf(error);
        throw error;
      } finally {
        addTiming('external', clock.monotonic() - begun);
      }
    },
    healthCheck: {
      dependency: 'twelve_data',
      required: false,
      check: async () => {
        const circuit = policy.state();
        const detail = `circuit ${circuit}${lastFailure === undefined ? '' : `; last fetch: ${lastFailure}`}`;
        if (circuit === 'open') return { status: 'down', detail };
        return { status: circuit === 'closed' && lastFailure === undefined ? 'up' : 'degraded', detail };
      },
    },
  };
};
