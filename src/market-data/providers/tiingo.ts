import { dayMs, utcDay } from '#src/kernel/calendar.ts';
import { createDependencyHealth } from '#src/kernel/health/dependency-health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import { firstDayOfPeriod } from '../series/periods.ts';
import { foldBars } from './fold-bars.ts';
import { badResponse } from './http/provider-requests.ts';
import type { FetchedSeries, MarketDataProvider, PriceBar } from './provider.ts';
import { waitForCredits, type RequestCredits } from './http/request-credits.ts';
import type { TiingoHttp } from './tiingo-http.ts';
import { readTiingoBars } from './tiingo-wire.ts';
import type { Universe } from '../indexes/universes.ts';

export type TiingoDeps = {
  readonly http: TiingoHttp;
  readonly policy: Policy;
  /** Each request costs one. */
  readonly credits: RequestCredits;
  /** Timeout for all requests of one fetch together; for each of them if the fetch may wait longer for credits. */
  readonly timeoutMs: number;
  readonly clock: Clock;
};

export type Tiingo = MarketDataProvider & { readonly healthCheck: HealthCheck };

/** Each symbol costs a request, so that a failure or the end of the process must not lose many of them. */
const maxAssetsPerPart = 10;

type Asset = Universe['assets'][number];
/** `isPatient`: the time of the requests does not count as time of waiting for credits. */
type Fetch = { readonly waitUntil: number; readonly isPatient: boolean; readonly run: Policy['run'] };

const assertDays = (symbol: string, bars: readonly PriceBar[], now: Date): void => {
  // In time zones east of UTC it can be tomorrow already. A later date cannot be a trading day yet.
  const tomorrow = utcDay(new Date(now.getTime() + dayMs));
  let previous = '';
  for (const { date } of bars) {
    if (date === previous) throw badResponse(`answered with two prices of ${symbol} for one date`);
    if (date > tomorrow) throw badResponse(`answered with a price of ${symbol} from the future`);
    previous = date;
  }
};

/**
 * End-of-day prices of api.tiingo.com. A request has one symbol, and answers its prices as they were traded, with splits
 * and dividends.
 */
export const createTiingo = ({ http, policy, credits, timeoutMs, clock }: TiingoDeps): Tiingo => {
  const health = createDependencyHealth({ dependency: 'tiingo', policy, work: 'fetch' });

  const requestBars = async (
    { symbol, providerSymbol = symbol }: Asset,
    from: string,
    { waitUntil, isPatient, run }: Fetch,
    outer: AbortSignal,
  ): Promise<PriceBar[]> => {
    await waitForCredits(1, { credits, clock, waitUntil, signal: outer });
    const deadline = isPatient ? clock.monotonic() + timeoutMs : waitUntil;
    let attempts = 0;
    /** A retry costs a credit too, and is not sent without one. */
    const beforeAttempt = async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
      attempts += 1;
      if (attempts > 1) await waitForCredits(1, { credits, clock, waitUntil: deadline, signal });
    };
    const answer = await run({ signal: outer, deadline, idempotent: true, beforeAttempt }, (signal) =>
      http.prices(providerSymbol, from, signal),
    );
    if ('body' in answer) return readTiingoBars(answer.body, outer);
    if (answer.refusedWith === 404) throw badResponse(`does not know the symbol ${symbol}`);
    throw badResponse(`refused the request for ${symbol} with status ${answer.refusedWith}`);
  };

  const fetchSeries = async (
    asset: Asset,
    { interval, from }: Universe,
    { since, ...fetch }: Fetch & { readonly since: string | undefined },
    signal: AbortSignal,
  ): Promise<FetchedSeries> => {
    const { symbol } = asset;
    const first = firstDayOfPeriod(since ?? from, interval);
    const daily = await requestBars(asset, first, fetch, signal);
    assertDays(symbol, daily, clock.now());
    const prices = foldBars(
      daily.filter(({ date }) => date >= first),
      interval,
    );
    if (since !== undefined) return { symbol, prices, since };
    if (prices.length === 0) throw badResponse(`answered with no prices for ${symbol}`);
    return { symbol, prices };
  };

  return {
    source: 'tiingo',
    maxAssetsPerFetch: Math.min(credits.max, maxAssetsPerPart),
    fetch: async (universe, signal, { since, maxWaitMs }) => {
      assertOutsideTransaction('Calling Tiingo');
      const startedAt = clock.monotonic();
      const patience = { waitUntil: startedAt + (maxWaitMs ?? timeoutMs), isPatient: maxWaitMs !== undefined };
      try {
        return await health.watch(async (run) => {
          const series: FetchedSeries[] = [];
          for (const asset of universe.assets) {
            series.push(
              await fetchSeries(asset, universe, { ...patience, run, since: since?.get(asset.symbol) }, signal),
            );
          }
          return { source: 'provider', series };
        });
      } finally {
        addTiming('external', clock.monotonic() - startedAt);
      }
    },
    healthCheck: health.healthCheck,
  };
};
