import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../../indexes/universes.ts';
import {
  assertFetched,
  type FetchedSeries,
  type FetchedUniverse,
  type MarketDataProvider,
  type RefreshSource,
} from '../../providers/provider.ts';
import { createFindChanged } from './find-changed.ts';
import { createFetchedSeries } from './fetched-series.ts';
import { readStoredEnds, type StoredEnd } from './stored-ends.ts';

export type FetchPricesDeps = {
  readonly reader: Pick<Reader, 'query'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** After so many days the whole history of a series is fetched again. 0: each refresh fetches it. */
  readonly historyDays: number;
  /** Max milliseconds that a fetch waits for request credits. Undefined: the timeout of the provider. */
  readonly maxWaitMs: number | undefined;
};

/** The prices that a refresh applies. `series` can be read again if the transaction is repeated. */
export type FetchedPrices = {
  readonly source: RefreshSource;
  readonly bars: number;
  readonly series: () => Iterable<FetchedSeries> | AsyncIterable<FetchedSeries>;
};

export type FetchProgress = { readonly assets: number; readonly bars: number };

type FetchRequest = {
  readonly provider: MarketDataProvider;
  readonly universe: Universe;
  readonly signal: AbortSignal;
  readonly fallback: boolean;
  /** Called after each part of a universe that is fetched in parts. */
  readonly progress: (progress: FetchProgress) => Promise<void>;
};

const maxSymbolsInLog = 5;
const barsOf = (series: readonly FetchedSeries[]): number => series.reduce((sum, { prices }) => sum + prices.length, 0);

/** Nothing is fetched: the prices are uploaded ones. */
export const noFetchedPrices: FetchedPrices = { source: 'upload', bars: 0, series: () => [] };

/**
 * Fetches the prices of a universe. Of a series whose history is known, only the new bars and an overlap are asked for.
 * If the overlap differs from what is stored, the provider has changed the history, and the whole history is fetched.
 *
 * A universe with more assets than one call of the provider may have is fetched in parts. Each part is stored at once, so
 * that a refresh that is interrupted continues with the next part.
 */
export const createFetchPrices = ({ reader, metrics, logger, historyDays, maxWaitMs }: FetchPricesDeps) => {
  const wait = maxWaitMs === undefined ? {} : { maxWaitMs };
  const findChanged = createFindChanged(reader);

  const fetchPart = async (
    { provider, signal, fallback }: FetchRequest,
    universe: Universe,
    ends: ReadonlyMap<string, StoredEnd>,
    isPart: boolean,
  ): Promise<FetchedUniverse> => {
    const since = new Map([...ends].map(([symbol, { from }]) => [symbol, from]));
    const fetched = await provider.fetch(universe, signal, { fallback, since, isPart, ...wait });
    await assertFetched(universe, fetched, signal);
    const tails = fetched.series.filter((each) => each.since !== undefined);
    if (fetched.source !== 'provider') {
      // Data of an earlier fetch restate nothing, so their ends must belong to the stored series.
      const areKnown = tails.every(({ symbol }) => ends.has(symbol));
      if (areKnown && (await findChanged(universe, ends, tails)).size === 0) return fetched;
      throw new AppError('external_api_unavailable', 'The data of the earlier fetch do not fit to the stored prices');
    }
    const changed = await findChanged(universe, ends, tails);
    metrics.count('volwatch_series_fetched_total', { extent: 'end' }, tails.length - changed.size);
    metrics.count('volwatch_series_fetched_total', { extent: 'whole' }, fetched.series.length - tails.length);
    metrics.count('volwatch_series_fetched_total', { extent: 'changed' }, changed.size);
    if (changed.size === 0) return fetched;
    logger.info(
      { universe: universe.name, changed: changed.size, first: [...changed].slice(0, maxSymbolsInLog) },
      'the provider has changed the history of series; they are fetched as a whole',
    );
    const part = { ...universe, assets: universe.assets.filter(({ symbol }) => changed.has(symbol)) };
    const whole = await provider.fetch(part, signal, { fallback: false, isPart: true, ...wait });
    await assertFetched(part, whole, signal);
    const kept = fetched.series.filter(({ symbol }) => !changed.has(symbol));
    return { source: fetched.source, series: [...kept, ...whole.series] };
  };

  /** Waits and fetches again while the provider refuses because of its request limit, and says until when. */
  const fetchPatiently = async (request: FetchRequest, universe: Universe, ends: ReadonlyMap<string, StoredEnd>) => {
    for (;;) {
      try {
        return await fetchPart(request, universe, ends, true);
      } catch (error) {
        const retryAfter = error instanceof AppError ? error.retryAfter : undefined;
        if (maxWaitMs === undefined || retryAfter === undefined || request.signal.aborted) throw error;
        logger.info({ universe: universe.name, retry_after: retryAfter }, 'the provider refuses requests for a time');
        await sleep(retryAfter * 1_000, undefined, { signal: request.signal });
      }
    }
  };

  const fetchInParts = async (
    request: FetchRequest,
    ends: ReadonlyMap<string, StoredEnd>,
    size: number,
  ): Promise<FetchedPrices> => {
    const { provider, universe, progress } = request;
    const found = createFetchedSeries(reader, universe, provider.source);
    await found.find(new Map([...ends].map(([symbol, { from }]) => [symbol, from])));
    const missing = universe.assets
      .filter(({ symbol }) => !found.has(symbol))
      // Whole histories first: a part with both would ask for the whole history of all its assets.
      .toSorted((a, b) => Number(ends.has(a.symbol)) - Number(ends.has(b.symbol)));
    for (let start = 0; start < missing.length; start += size) {
      await progress({ assets: found.size(), bars: found.bars() });
      const assets = missing.slice(start, start + size);
      const partEnds = new Map(
        assets.flatMap(({ symbol }) => {
          const end = ends.get(symbol);
          return end ? [[symbol, end] as const] : [];
        }),
      );
      const { series } = await fetchPatiently(request, { ...universe, assets }, partEnds);
      await found.add(series, request.signal);
      logger.info(
        { universe: universe.name, fetched: found.size(), assets: universe.assets.length },
        'fetched a part of the universe',
      );
    }
    await progress({ assets: found.size(), bars: found.bars() });
    return { source: 'provider', bars: found.bars(), series: () => found.read() };
  };

  return async (request: FetchRequest): Promise<FetchedPrices> => {
    const { provider, universe } = request;
    const ends = await readStoredEnds(reader, universe, { source: provider.source, historyDays });
    const size = provider.maxAssetsPerFetch ?? Infinity;
    if (universe.assets.length > size) return fetchInParts({ ...request, fallback: false }, ends, size);
    const { source, series } = await fetchPart(request, universe, ends, false);
    return { source, bars: barsOf(series), series: () => series };
  };
};
