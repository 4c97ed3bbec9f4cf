import type { Cache, CacheKey } from '#src/kernel/ports/cache.ts';
import { codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { FetchedUniverse, MarketDataProvider } from './provider.ts';

export type FallbackProviderDeps = {
  readonly provider: MarketDataProvider;
  readonly cache: Cache;
  readonly logger: Logger;
};

/** The source of older data is `cache` up to this age, and `last_known_good` above it. */
const recentMs = 3_600_000;

/** The key contains the source, because a series must not get prices of another source. */
const keyOf = ({ source }: MarketDataProvider, universe: string): CacheKey => ({
  cache: 'provider',
  tag: 'provider',
  key: `${source}:${universe}`,
});

/**
 * A provider that stores the data of the last successful fetch of all assets. If `provider` fails and the caller allows a
 * fallback, it returns the stored data; `source` then says so. The caller must compare ends of series with what it has.
 */
export const createFallbackProvider = ({ provider, cache, logger }: FallbackProviderDeps): MarketDataProvider => ({
  source: provider.source,
  ...(provider.maxAssetsPerFetch !== undefined && { maxAssetsPerFetch: provider.maxAssetsPerFetch }),
  fetch: async (universe, signal, options) => {
    try {
      const fetched = await provider.fetch(universe, signal, options);
      // A part of the universe would replace the data of all its assets.
      if (!options.isPart) await cache.put(keyOf(provider, universe.name), fetched);
      return fetched;
    } catch (error) {
      const code = codeOf(error);
      if (!options.fallback || errorTable[code].category !== 'external_api') throw error;
      const stored = await cache.last(keyOf(provider, universe.name));
      if (!stored) throw error;
      const source = stored.ageMs < recentMs ? 'cache' : 'last_known_good';
      logger.warn(
        { universe: universe.name, code, source, age_ms: stored.ageMs },
        'the provider failed; the refresh uses data of an earlier fetch',
      );
      // The cast is safe: the cache returns only values that were put there, and the refresh validates every bar again.
      return { ...(stored.value as FetchedUniverse), source };
    }
  },
});
