import type { Cache, CacheKey } from '#src/kernel/cache.ts';
import { codeOf, errorTable } from '#src/kernel/errors.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { FetchedUniverse, MarketDataProvider } from './provider.ts';

export type FallbackProviderDependencies = {
  readonly provider: MarketDataProvider;
  readonly cache: Cache;
  readonly logger: Logger;
};

/** Until this age what was fetched counts as `cache`, beyond it as `last_known_good`. */
const recentMs = 3_600_000;

const keyOf = (universe: string): CacheKey => ({ cache: 'provider', tag: 'provider', key: universe });

/** Remembers what `provider` gave, and gives it again when it fails a caller who allows that; `source` says so. */
export const createFallbackProvider = ({
  provider,
  cache,
  logger,
}: FallbackProviderDependencies): MarketDataProvider => ({
  fetch: async (universe, signal, options) => {
    try {
      const fetched = await provider.fetch(universe, signal, options);
      await cache.put(keyOf(universe.name), fetched);
      return fetched;
    } catch (error) {
      const code = codeOf(error);
      if (!options.fallback || errorTable[code].category !== 'external_api') throw error;
      const known = await cache.last(keyOf(universe.name));
      if (!known) throw error;
      const source = known.ageMs < recentMs ? 'cache' : 'last_known_good';
      logger.warn({ universe: universe.name, code, source, age_ms: known.ageMs }, 'refreshing from earlier data');
      // The cache gives back only what was put there, and the refresh looks at every bar again.
      return { ...(known.value as FetchedUniverse), source };
    }
  },
});
