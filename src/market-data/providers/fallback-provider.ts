import { createHash } from 'node:crypto';
import type { Cache, CacheKey } from '#src/kernel/ports/cache.ts';
import { codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { decodeBars, encodeBars } from './bar-text.ts';
import type { Universe } from '../indexes/universes.ts';
import type { FetchedSeries, MarketDataProvider } from './provider.ts';

export type FallbackProviderDeps = {
  readonly provider: MarketDataProvider;
  readonly cache: Cache;
  readonly logger: Logger;
};

/** The source of older data is `cache` up to this age, and `last_known_good` above it. */
const recentMs = 3_600_000;

/**
 * Max length of the bars of a stored fetch, some 80,000 of them. It is looked at while the bars are written, because the text of a
 * larger fetch would be made for nothing.
 */
const maxTextLength = 4 * 2 ** 20;

/** Bars as texts, because objects are twice as long and are written in one turn of the event loop. */
type StoredSeries = { readonly symbol: string; readonly since?: string; readonly bars: string };

const toStored = async (
  fetched: readonly FetchedSeries[],
  signal: AbortSignal,
): Promise<StoredSeries[] | undefined> => {
  const turns = createTurns({ signal });
  const stored: StoredSeries[] = [];
  let length = 0;
  for (const { prices, ...series } of fetched) {
    const bars = await encodeBars(prices, turns);
    length += bars.length;
    if (length > maxTextLength) return undefined;
    stored.push({ ...series, bars });
  }
  return stored;
};

const fromStored = async (stored: readonly StoredSeries[], signal: AbortSignal): Promise<FetchedSeries[]> => {
  const turns = createTurns({ signal });
  const fetched: FetchedSeries[] = [];
  for (const { bars, ...series } of stored) fetched.push({ ...series, prices: await decodeBars(bars, turns) });
  return fetched;
};

/**
 * The key contains what was asked for, because a series must not get prices of another source, interval or symbol of the provider. The name of a
 * universe does not tell them: it can be changed, or deleted and created again by somebody else.
 */
const keyOf = ({ source }: MarketDataProvider, { name, interval, from, assets }: Universe): CacheKey => {
  const question = [interval, from, assets.map(({ symbol, providerSymbol = symbol }) => [symbol, providerSymbol])];
  const digest = createHash('sha256').update(JSON.stringify(question)).digest('base64url');
  return { cache: 'provider', tag: 'provider', key: `bars:${source}:${name}:${digest}` };
};

/**
 * A provider that stores the data of the last successful fetch of all assets, if they are not too many. If `provider` fails and the caller allows a
 * fallback, it returns the stored data of the same question; `source` then says so. The caller must compare ends of series with what it has.
 */
export const createFallbackProvider = ({ provider, cache, logger }: FallbackProviderDeps): MarketDataProvider => ({
  source: provider.source,
  ...(provider.maxAssetsPerFetch !== undefined && { maxAssetsPerFetch: provider.maxAssetsPerFetch }),
  fetch: async (universe, signal, options) => {
    try {
      const fetched = await provider.fetch(universe, signal, options);
      // A part of the universe would replace the data of all its assets.
      const stored = options.isPart ? undefined : await toStored(fetched.series, signal);
      if (stored) await cache.put(keyOf(provider, universe), stored);
      return fetched;
    } catch (error) {
      const code = codeOf(error);
      if (!options.fallback || errorTable[code].category !== 'external_api') throw error;
      const stored = await cache.last(keyOf(provider, universe));
      if (!stored) throw error;
      const source = stored.ageMs < recentMs ? 'cache' : 'last_known_good';
      logger.warn(
        { universe: universe.name, code, source, age_ms: stored.ageMs },
        'the provider failed; the refresh uses data of an earlier fetch',
      );
      // The cast is safe: the cache returns only values that were put there, and the refresh validates every bar again.
      return { source, series: await fromStored(stored.value as StoredSeries[], signal) };
    }
  },
});
