import { dayMs, utcDay } from '#src/kernel/calendar.ts';
import { createDependencyHealth } from '#src/kernel/health/dependency-health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';
import { createTurns, type Turns } from '#src/kernel/streams/turns.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { sameBar } from '../series/bars.ts';
import type { FetchedSeries, MarketDataProvider, PriceBar } from './provider.ts';
import { waitForCredits, type RequestCredits } from './http/request-credits.ts';
import { maxBarsPerPage, type TwelveDataHttp } from './twelve-data-http.ts';
import { readTimeSeries, type WireSeries } from './twelve-data-wire.ts';
import type { Universe } from '../indexes/universes.ts';

export type TwelveDataDeps = {
  readonly http: TwelveDataHttp;
  readonly policy: Policy;
  readonly credits: RequestCredits;
  /** Timeout for all requests of one fetch together; for each of them if the fetch may wait longer for credits. */
  readonly timeoutMs: number;
  readonly clock: Clock;
};

export type TwelveData = MarketDataProvider & { readonly healthCheck: HealthCheck };

/** Max assets of one call, whatever the credits of the plan, because all their bars are in memory: 32 histories since 1970 have about 70 MB. */
const maxAssetsOfCall = 32;
/**
 * Max symbols of a request for whole histories. A page of daily bars has about 0.4 MB for each, and an answer is parsed in one turn of the
 * event loop: 8 pages take some 20 ms. The ends of series have a few bars each.
 */
const maxHistoriesOfRequest = 8;
const barsOfStep = 1_000;
/** Number of years whose bars always fit into one page. */
const yearsPerPage = { '1day': 13, '1week': 90, '1month': 400 } as const;

type Page = { readonly from: string; readonly to: string };

/**
 * Pages from the first wanted day until tomorrow. A page ends on the first day of the next page, because it is
 * not documented if the end date is inclusive.
 */
const pagesFrom = (from: string, interval: Universe['interval'], now: Date): Page[] => {
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

type Group = { readonly assets: Universe['assets']; readonly from: string };

/**
 * The assets of each request with their first day. Assets with about the same first wanted day are asked for together,
 * because each page costs a credit for each of them.
 */
const groupsOf = ({ assets, from }: Universe, since: ReadonlyMap<string, string>, maxSymbols: number): Group[] => {
  const dayOf = (symbol: string): string => since.get(symbol) ?? from;
  const whole = assets.filter(({ symbol }) => !since.has(symbol));
  const tails = assets
    .filter(({ symbol }) => since.has(symbol))
    .toSorted((a, b) => (dayOf(a.symbol) < dayOf(b.symbol) ? -1 : 1));
  const histories = chunks(whole, Math.min(maxSymbols, maxHistoriesOfRequest));
  return [...histories, ...chunks(tails, maxSymbols)].map((group) => ({
    assets: group,
    from: dayOf(group[0]!.symbol),
  }));
};

const badResponse = (problem: string): AppError =>
  new AppError('external_api_bad_response', `The market data provider answered with ${problem}`);

/** Merges the bars of all pages into one series, oldest first. Bars of the same date must be equal. */
const mergePages = async (
  symbol: string,
  bars: readonly PriceBar[],
  { now, turns }: { readonly now: Date; readonly turns: Turns },
): Promise<FetchedSeries> => {
  const byDate = new Map<string, PriceBar>();
  // In time zones east of UTC it can be tomorrow already. A later date cannot be a trading day yet.
  const tomorrow = utcDay(new Date(now.getTime() + dayMs));
  for (const [index, bar] of bars.entries()) {
    if (index % barsOfStep === 0) await turns.give();
    const known = byDate.get(bar.date);
    if (known && !sameBar(known, bar)) throw badResponse(`two different prices of ${symbol} for one date`);
    if (bar.date > tomorrow) throw badResponse(`a price of ${symbol} from the future`);
    byDate.set(bar.date, bar);
  }
  return { symbol, prices: [...byDate.values()].sort((a, b) => (a.date < b.date ? -1 : 1)) };
};

/**
 * Market data of api.twelvedata.com by `time_series` requests. A request has several symbols and costs a credit for
 * each.
 */
export const createTwelveData = ({ http, policy, credits, timeoutMs, clock }: TwelveDataDeps): TwelveData => {
  const health = createDependencyHealth({ dependency: 'twelve_data', policy, work: 'fetch' });

  /** `isPatient`: the time of the requests does not count as time of waiting for credits. */
  type Fetch = { readonly waitUntil: number; readonly isPatient: boolean; readonly run: Policy['run'] };
  type Batch = { readonly assets: Universe['assets']; readonly page: Page };
  const symbolOf = ({ symbol, providerSymbol = symbol }: Universe['assets'][number]): string => providerSymbol;

  const requestSeries = async (
    { interval }: Universe,
    { assets, page }: Batch,
    { waitUntil, isPatient, run }: Fetch,
    outer: AbortSignal,
  ): Promise<ReadonlyMap<string, WireSeries>> => {
    const symbols = assets.map(symbolOf);
    const query = {
      symbol: symbols.join(','),
      interval,
      start_date: page.from,
      end_date: page.to,
      outputsize: String(maxBarsPerPage),
      order: 'ASC',
      timezone: 'Exchange',
      format: 'JSON',
    };
    await waitForCredits(symbols.length, { credits, clock, waitUntil, signal: outer });
    const deadline = isPatient ? clock.monotonic() + timeoutMs : waitUntil;
    let attempts = 0;
    const answer = await run({ signal: outer, deadline, idempotent: true }, async (signal) => {
      // A retry costs credits again. It does not wait for them, because the first attempt may have cost no credits.
      if (attempts > 0) await credits.take(symbols.length);
      attempts += 1;
      return http.get('time_series', { query, symbols: symbols.length }, signal);
    });
    if ('body' in answer) return readTimeSeries({ symbols, interval }, answer.body, outer);
    throw badResponse(`status ${answer.refusedWith}`);
  };

  const fetchAll = async (
    universe: Universe,
    signal: AbortSignal,
    since: ReadonlyMap<string, string>,
    request: Fetch,
  ): Promise<FetchedSeries[]> => {
    const bars = new Map(universe.assets.map((asset) => [asset.symbol, [] as PriceBar[]]));
    for (const { assets, from } of groupsOf(universe, since, Math.min(credits.max, maxAssetsOfCall))) {
      for (const page of pagesFrom(from, universe.interval, clock.now())) {
        const found = await requestSeries(universe, { assets, page }, request, signal);
        for (const asset of assets) {
          const series = found.get(symbolOf(asset));
          if (series?.currency !== undefined && series.currency !== asset.currency) {
            throw badResponse(`${asset.symbol} in another currency`);
          }
          bars.get(asset.symbol)?.push(...(series?.bars ?? []));
        }
      }
    }
    const turns = createTurns({ signal });
    const series: FetchedSeries[] = [];
    for (const [symbol, all] of bars) {
      const { prices } = await mergePages(symbol, all, { now: clock.now(), turns });
      const first = since.get(symbol);
      series.push(
        first === undefined
          ? { symbol, prices }
          : { symbol, prices: prices.filter(({ date }) => date >= first), since: first },
      );
    }
    return series;
  };

  return {
    source: 'twelve_data',
    maxAssetsPerFetch: Math.min(credits.max, maxAssetsOfCall),
    fetch: async (universe, signal, { since = new Map<string, string>(), maxWaitMs }) => {
      assertOutsideTransaction('Calling Twelve Data');
      const startedAt = clock.monotonic();
      const patience = { waitUntil: startedAt + (maxWaitMs ?? timeoutMs), isPatient: maxWaitMs !== undefined };
      try {
        return await health.watch(async (run) => {
          const series = await fetchAll(universe, signal, since, { ...patience, run });
          const empty = series.find((each) => each.prices.length === 0 && each.since === undefined);
          if (empty) throw badResponse(`no prices for ${empty.symbol}`);
          return { source: 'provider', series };
        });
      } finally {
        addTiming('external', clock.monotonic() - startedAt);
      }
    },
    healthCheck: health.healthCheck,
  };
};
