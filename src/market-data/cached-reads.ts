import type { Cache, Cached, CacheName } from '#src/kernel/cache.ts';
import { codeOf } from '#src/kernel/errors.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { PageRequest } from '#src/kernel/pages.ts';
import { defaultLimit } from '#src/kernel/pagination.ts';
import type { PriceBar } from './provider.ts';
import type { IndexValueView, MarketDataQueries } from './queries.ts';
import { inSpan } from './spans.ts';
import type { Universe } from './universes.ts';

export type CachedReadsDependencies = {
  readonly cache: Cache;
  /** On the primary: what is loaded right after an invalidation is kept, so it must not come from a replica that lags. */
  readonly queries: Pick<MarketDataQueries, 'prices' | 'indexValues'>;
  readonly universes: readonly Universe[];
  readonly logger: Logger;
};

/** The two long lists, read through the cache. Assets and indexes are a few rows by key, as quick to ask for as Redis. */
export type CachedReads = {
  readonly prices: (symbol: string, page: PageRequest) => Promise<Cached<PriceBar[] | undefined>>;
  readonly indexValues: (code: string, page: PageRequest) => Promise<Cached<IndexValueView[] | undefined>>;
  /** After a commit: outdates what was read of the universe, everywhere, then loads its first pages again. Never throws. */
  readonly committed: (universe: Universe) => Promise<void>;
  /** Loads every universe's first pages where they are not cached. Never throws. */
  readonly warmUp: () => Promise<void>;
};

/** What a request without parameters asks for; one row more tells whether there is a next page. */
const firstPage: PageRequest = { after: null, from: null, to: null, limit: defaultLimit + 1 };

const tagsOf = (
  universes: readonly Universe[],
  names: (universe: Universe) => readonly string[],
): ReadonlyMap<string, string> =>
  new Map(universes.flatMap((universe) => names(universe).map((name) => [name, universe.name] as const)));

export const createCachedReads = ({ cache, queries, universes, logger }: CachedReadsDependencies): CachedReads => {
  const tags = {
    prices: tagsOf(universes, ({ assets }) => assets.map(({ symbol }) => symbol)),
    index_values: tagsOf(universes, ({ indexes }) => indexes.map(({ code }) => code)),
  };

  /** What no universe has is not worth a cache entry, which anybody could then make any number of. */
  const through = async <T>(
    name: CacheName & keyof typeof tags,
    what: string,
    { after, from, to, limit }: PageRequest,
    load: () => Promise<T>,
  ): Promise<Cached<T>> => {
    const tag = tags[name].get(what);
    if (tag === undefined) return { value: await load(), ageMs: 0, state: 'miss' };
    return cache.read({ cache: name, tag, key: JSON.stringify([what, after, from, to, limit]) }, load);
  };

  const prices: CachedReads['prices'] = (symbol, page) =>
    through('prices', symbol, page, () => queries.prices(symbol, page));
  const indexValues: CachedReads['indexValues'] = (code, page) =>
    through('index_values', code, page, () => queries.indexValues(code, page));

  const warm = async ({ name, assets, indexes }: Universe): Promise<void> =>
    inSpan('cache.warm_up', { attributes: { 'refresh.universe': name } }, async () => {
      try {
        for (const { symbol } of assets) await prices(symbol, firstPage);
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

/** `Age`, and `Cache-Status` (RFC 9211) and `Warning` (RFC 7234, section 5.5) where the answer is not the newest. */
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
