/** Closed set: the `cache` label of the cache metrics. */
export const cacheNames = ['prices', 'index_values', 'index_explanations', 'provider'] as const;
export type CacheName = (typeof cacheNames)[number];

/**
 * `stale`: the TTL of the entry has passed, and it is being loaded again in the background. `last_known_good`: the
 * entry is outdated, but loading a newer one failed.
 */
export type CacheState = 'hit' | 'miss' | 'stale' | 'last_known_good';

export type Cached<T> = { readonly value: T; readonly ageMs: number; readonly state: CacheState };

export type CacheKey = {
  readonly cache: CacheName;
  /** All entries with this tag are invalidated together. The tag is a universe. */
  readonly tag: string;
  readonly key: string;
};

/**
 * Stores values that JSON can represent. If its storage fails, every read is a miss; no method throws because of it.
 */
export type Cache = {
  /**
   * Returns the entry. If there is none, calls `load` and stores its result, except undefined. At most one load of a
   * key runs in this process at a time. If `load` fails because of a dependency, an outdated entry is returned.
   * @throws the error of `load`
   */
  readonly read: <T>(key: CacheKey, load: () => Promise<T>) => Promise<Cached<T>>;
  /** Stores an entry. */
  readonly put: (key: CacheKey, value: unknown) => Promise<void>;
  /** Returns the entry, also an outdated one, or undefined. */
  readonly last: (key: CacheKey) => Promise<{ readonly value: unknown; readonly ageMs: number } | undefined>;
  /** Invalidates all entries of the tag on all instances. Must be called after the commit of the change. */
  readonly invalidate: (tag: string) => Promise<void>;
};
