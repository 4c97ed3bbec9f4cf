/** Closed set: the `cache` label of the cache metrics. */
export const cacheNames = ['prices', 'index_values', 'provider'] as const;
export type CacheName = (typeof cacheNames)[number];

/**
 * `stale`: past its time, being loaded anew meanwhile. `last_known_good`: outdated, but what is newer cannot be had now.
 */
export type CacheState = 'hit' | 'miss' | 'stale' | 'last_known_good';

export type Cached<T> = { readonly value: T; readonly ageMs: number; readonly state: CacheState };

export type CacheKey = {
  readonly cache: CacheName;
  /** What entries are invalidated by: a universe. */
  readonly tag: string;
  readonly key: string;
};

/** Holds what can be written as JSON. Never fails because of where it keeps it: then everything is a miss. */
export type Cache = {
  /**
   * The entry, or what `load` gives, which then becomes the entry; `undefined` is passed on and not kept. At most one
   * load a key runs in this process. While `load` fails for a dependency's sake, an outdated entry stands in.
   * @throws what `load` threw
   */
  readonly read: <T>(key: CacheKey, load: () => Promise<T>) => Promise<Cached<T>>;
  /** Puts an entry there without a load. */
  readonly put: (key: CacheKey, value: unknown) => Promise<void>;
  /** The entry however old, or undefined. */
  readonly last: (key: CacheKey) => Promise<{ readonly value: unknown; readonly ageMs: number } | undefined>;
  /** Outdates every entry of the tag, on all instances. Call it after the commit of what changed. */
  readonly invalidate: (tag: string) => Promise<void>;
};
