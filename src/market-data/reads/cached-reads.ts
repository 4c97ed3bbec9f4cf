import type { Cache, Cached, CacheName } from '#src/kernel/ports/cache.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { defaultLimit } from '#src/kernel/lists/pagination.ts';
import type { PriceBar } from '../providers/provider.ts';
import type { IndexExplanation } from './explain-index.ts';
import type { IndexValueView, MarketDataQueries, SeriesPage } from './queries.ts';
import { inSpan } from '../refresh/spans.ts';
import type { Universe } from '../indexes/universes.ts';
import { eachUniverse } from '../universes/stored-universes.ts';
import type { Universes } from '../universes/universes-port.ts';

type ListQueries = Pick<MarketDataQueries, 'prices' | 'indexValues' | 'explainIndex'>;

export type CachedReadsDeps = {
  readonly cache: Cache;
  /** Must read from the primary: a replica can lag, and its stale rows would be cached right after an invalidation. */
  readonly queries: ListQueries;
  /** For pages that are not cached; may read from a replica. */
  readonly uncached: ListQueries;
  readonly universes: Universes;
  readonly logger: Logger;
};

/**
 * Reads of the two long lists and of explanations through the cache. Assets and indexes are not cached, because a query for a few rows by
 * key is as fast as Redis.
 */
export type CachedReads = {
  readonly prices: (symbol: string, page: SeriesPage) => Promise<Cached<PriceBar[] | undefined>>;
  readonly indexValues: (code: string, page: SeriesPage) => Promise<Cached<IndexValueView[] | undefined>>;
  /** Only the explanation of the last day is cached, because callers can ask for any number of days. */
  readonly explainIndex: (code: string, date: string | null) => Promise<Cached<IndexExplanation | undefined>>;
  /**
   * Call it after a refresh of `universe` has committed. It invalidates the cache entries of the universe, and of the
   * universes that share an asset with it, on all instances. Then it loads the first pages again. Never throws.
   */
  readonly committed: (universe: Universe) => Promise<void>;
  /** Call it after the definition of a universe was changed or deleted. Never throws. */
  readonly definitionChanged: (name: string) => Promise<void>;
  /** Loads the first pages of every universe that are not cached yet. Never throws. */
  readonly warmUp: () => Promise<void>;
};

/**
 * The page of a request without parameters. It has one row more than the limit, which shows if there is a next page.
 * Only this page of a list is cached, because callers can ask for any number of others, and each would take about 130 kB
 * of Redis for a day. A smaller first page is cut from it.
 */
const firstPage: SeriesPage = { after: null, from: null, to: null, limit: defaultLimit + 1 };

/** The caller of a refresh waits for the warm-up, so it loads only so many assets of a large universe. */
const maxWarmAssets = 100;

export const createCachedReads = ({ cache, queries, uncached, universes, logger }: CachedReadsDeps): CachedReads => {
  const tagOf = { prices: universes.ofAsset, index_values: universes.ofIndex };

  const isCached = ({ after, from, to, limit, descending, unadjusted }: SeriesPage): boolean =>
    !descending && !unadjusted && after === null && from === null && to === null && limit <= firstPage.limit;

  /** Names that are in no universe are not cached, because callers could create any number of such entries. */
  const readThrough = async <Row>(
    cacheName: CacheName & keyof typeof tagOf,
    name: string,
    page: SeriesPage,
    load: (source: ListQueries, page: SeriesPage) => Promise<Row[] | undefined>,
  ): Promise<Cached<Row[] | undefined>> => {
    const tag = isCached(page) ? await tagOf[cacheName](name) : undefined;
    if (tag === undefined) return { value: await load(uncached, page), ageMs: 0, state: 'miss' };
    const cached = await cache.read({ cache: cacheName, tag, key: name }, () => load(queries, firstPage));
    return { ...cached, value: cached.value?.slice(0, page.limit) };
  };

  const prices: CachedReads['prices'] = (symbol, page) =>
    readThrough('prices', symbol, page, (source, wanted) => source.prices(symbol, wanted));
  const indexValues: CachedReads['indexValues'] = (code, page) =>
    readThrough('index_values', code, page, (source, wanted) => source.indexValues(code, wanted));

  const explainIndex: CachedReads['explainIndex'] = async (code, date) => {
    const tag = date === null ? await universes.ofIndex(code) : undefined;
    if (tag === undefined) return { value: await uncached.explainIndex(code, date), ageMs: 0, state: 'miss' };
    return cache.read({ cache: 'index_explanations', tag, key: code }, () => queries.explainIndex(code, null));
  };

  const warm = async ({ name, assets, indexes }: Universe): Promise<void> =>
    inSpan('cache.warm_up', { attributes: { 'refresh.universe': name } }, async () => {
      try {
        for (const { symbol } of assets.slice(0, maxWarmAssets)) await prices(symbol, firstPage);
        for (const { code } of indexes) await indexValues(code, firstPage);
      } catch (error) {
        logger.warn({ universe: name, code: codeOf(error) }, 'the cache could not be warmed up');
      }
    });

  /** An asset of several universes is cached under one of them. */
  const invalidate = async (name: string): Promise<void> => {
    await cache.invalidate(name);
    try {
      for (const other of await universes.sharing(name)) await cache.invalidate(other);
    } catch (error) {
      logger.warn({ universe: name, code: codeOf(error) }, 'cached prices of shared assets can be outdated');
    }
  };

  return {
    prices,
    indexValues,
    explainIndex,
    committed: async (universe) => {
      await invalidate(universe.name);
      await warm(universe);
    },
    definitionChanged: invalidate,
    warmUp: async () => {
      try {
        await eachUniverse(universes, warm);
      } catch (error) {
        logger.warn({ code: codeOf(error) }, 'the cache could not be warmed up');
      }
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
