import type { Cache, Cached, CacheName } from '#src/kernel/ports/cache.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import { defaultLimit } from '#src/kernel/lists/pagination.ts';
import type { PriceBar } from '../providers/provider.ts';
import type { IndexValueView, MarketDataQueries } from './queries.ts';
import { inSpan } from '../refresh/spans.ts';
import type { Universe } from '../indexes/universes.ts';

export type CachedReadsDeps = {
  readonly cache: Cache;
  /** Must read from the primary: a replica can lag, and its stale rows would be cached right after an invalidation. */
  readonly queries: Pick<MarketDataQueries, 'prices' | 'indexValues'>;
  readonly universes: readonly Universe[];
  readonly logger: Logger;
};

/**
 * Reads of the two long lists through the cache. Assets and indexes are not cached, because a query for a few rows by
 * key is as fast as Redis.
 */
export type CachedReads = {
  readonly prices: (symbol: string, page: PageRequest) => Promise<Cached<PriceBar[] | undefined>>;
  readonly indexValues: (code: string, page: PageRequest) => Promise<Cached<IndexValueView[] | undefined>>;
  /**
   * Call it after a refresh of `universe` has committed. It invalidates the cache entries of the universe on all
   * instances, then loads the first pages again. Never throws.
   */
  readonly committed: (universe: Universe) => Promise<void>;
  /** Loads the first pages of every universe that are not cached yet. Never throws. */
  readonly warmUp: () => Promise<void>;
};

/**
 * The page of a request without parameters. It has one row more than the limit, which shows if there is a next page.
 */
const firstPage: PageRequest = { after: null, from: null, to: null, limit: defaultLimit + 1 };

/** The caller of a refresh waits for the warm-up, so it loads only so many assets of a large universe. */
const maxWarmAssets = 100;

const tagsOf = (
  universes: readonly Universe[],
  names: (universe: Universe) => readonly string[],
): ReadonlyMap<string, string> =>
  new Map(universes.flatMap((universe) => names(universe).map((name) => [name, universe.name] as const)));

export const createCachedReads = ({ cache, queries, universes, logger }: CachedReadsDeps): CachedReads => {
  const tags = {
    prices: tagsOf(universes, ({ assets }) => assets.map(({ symbol }) => symbol)),
    index_values: tagsOf(universes, ({ indexes }) => indexes.map(({ code }) => code)),
  };

  /** Names that are in no universe are not cached, because callers could create any number of such entries. */
  const readThrough = async <T>(
    cacheName: CacheName & keyof typeof tags,
    name: string,
    { after, from, to, limit }: PageRequest,
    load: () => Promise<T>,
  ): Promise<Cached<T>> => {
    const tag = tags[cacheName].get(name);
    if (tag === undefined) return { value: await load(), ageMs: 0, state: 'miss' };
    return cache.read({ cache: cacheName, tag, key: JSON.stringify([name, after, from, to, limit]) }, load);
  };

  const prices: CachedReads['prices'] = (symbol, page) =>
    readThrough('prices', symbol, page, () => queries.prices(symbol, page));
  const indexValues: CachedReads['indexValues'] = (code, page) =>
    readThrough('index_values', code, page, () => queries.indexValues(code, page));

  const warm = async ({ name, assets, indexes }: Universe): Promise<void> =>
    inSpan('cache.warm_up', { attributes: { 'refresh.universe': name } }, async () => {
      try {
        for (const { symbol } of assets.slice(0, maxWarmAssets)) await prices(symbol, firstPage);
        for (const { code } of indexes) await indexValues(code, firstPage);
      } catch (error) {
        logger.warn({ universe: name, code: codeOf(error) }, 'the cache could not be warmed up');
      }
    });

  return {
    prices,
    indexValues,
    committed: async (universe) => {
      await cache.invalidate(universe.name);
      await warm(universe);
    },
    warmUp: async () => {
      for (const universe of universes) await warm(universe);
    },
  };
};

/** `Age` and `Cache-Status` (RFC 9211), and for a stale answer also `Warning` (RFC 7234, section 5.5). */
export const cacheHeaders = ({ state, ageMs }: Pick<Cached<unknown>, 'state' | 'ageMs'>): Record<string, string> => {
  if (state === 'miss') return { 'Cache-Status': 'volwatch; fwd=miss' };
  const age = { Age: String(Math.floor(ageMs / 1_000)) };
  if (state === 'hit') return { ...age, 'Cache-Status': 'volwatch; hit' };
  return {
    ...age,
    'Cache-Status': `volwatch; hit; detail=${state}`,
    Warning: state === 'stale' ? '110 volwatch "Response is Stale"' : '111 volwatch "Revalidation Failed"',
  };
};
