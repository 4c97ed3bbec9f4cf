import { trace } from '@opentelemetry/api';
import type { Cache, Cached, CacheKey, CacheState } from '#src/kernel/ports/cache.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import { createRepeatedLines } from '#src/kernel/logging/repeated-lines.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createSharedLoads } from '#src/kernel/requests/callers/shared-loads.ts';
import { addTiming, currentRequest } from '#src/kernel/requests/request-context.ts';
import type { RedisConnection } from './client.ts';
import { createMemoryEntries, createSeal, type Entry } from './entries.ts';
import { createGenerations } from './generations.ts';
import { createSharedEntries, probeReadOfEntry } from './shared-entries.ts';

export type CacheDeps = {
  /** If undefined, entries are stored only in the memory of this process. */
  readonly redis: RedisConnection | undefined;
  readonly secret: Uint8Array;
  /**
   * An entry is fresh for this time, plus or minus a random tenth. For the same time again it is stale: it is still
   * returned, and loaded again in the background. 0 disables the cache.
   */
  readonly ttlMs: number;
  /** After `ttlMs`, an entry can replace a failed load for this time. */
  readonly staleMs: number;
  readonly memoryBytes: number;
  /** Max bytes of the entries in Redis. */
  readonly redisBytes: number;
  readonly faults: Faults;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type Found = {
  readonly entry: Entry | undefined;
  /** If undefined, the loaded value must not be stored, because its generation is unknown. */
  readonly generation: string | undefined;
  readonly failed: boolean;
  /** True if the entry comes from the memory of this process and Redis was not read. */
  readonly localOnly: boolean;
};

/** Without Redis this process does not receive invalidations, so its entries are fresh for this time only. */
const localOnlyMs = 5_000;
/** Longer than a load. */
const loadMs = 60_000;
/** Max length of the JSON text of an entry, in UTF-16 code units. */
const maxTextLength = 8 * 2 ** 20;

/** True for the failure of a dependency: an outdated value may then replace the failed load. */
const isDependencyFailure = (error: unknown): boolean =>
  ['database', 'external_api'].includes(errorTable[codeOf(error)].category);

/** Read-through cache in Redis. The memory of this process is the fallback. */
export const createCache = (deps: CacheDeps): Cache & { readonly close: () => void } => {
  const { redis, ttlMs, staleMs, faults, logger, metrics, clock } = deps;
  const seal = createSeal(deps.secret);
  const nameOf = ({ cache, tag, key }: CacheKey): string => `${seal.space}:${cache}:{${tag}}:${key}`;
  const warn = createRepeatedLines({ clock, logger });
  const memory = createMemoryEntries(deps.memoryBytes);
  const generations = createGenerations({ redis, clock, maxEntryMs: 2.2 * ttlMs + staleMs + loadMs });
  const shared = createSharedEntries({ maxBytes: deps.redisBytes, maxAgeMs: ttlMs + staleMs, metrics });
  const reads = redis?.use('cache_read', (tag) =>
    Promise.all([redis.client.get(generations.nameOf(tag)), probeReadOfEntry(redis.client, tag)]),
  );
  const shareLoad = createSharedLoads();
  const now = (): number => clock.now().getTime();

  const inMemory = ({ tag }: CacheKey, name: string, failed: boolean): Found => {
    const stored = memory.get(name);
    const entry = stored && { ...stored, freshUntil: Math.min(stored.freshUntil, stored.loadedAt + localOnlyMs) };
    return { entry, generation: generations.local(tag), failed, localOnly: true };
  };

  /** @throws the error of Redis */
  const readGeneration = async (tag: string): Promise<string | undefined> => {
    if (!redis || !reads?.works()) return generations.local(tag);
    const name = generations.nameOf(tag);
    return generations.agree(tag, await reads.run(name, () => redis.client.get(name)));
  };

  /**
   * Reads entry and generation in one round trip. The order does not matter: an entry of this generation was valid when the generation was read, and the
   * generation was read for this request.
   */
  const find = async (key: CacheKey, name: string): Promise<Found> => {
    if (!redis || !reads) return inMemory(key, name, false);
    if (!reads.works()) return inMemory(key, name, true);
    try {
      const part = shared.partOf(key, name);
      const readEntry = () => redis.client.hget(part, name);
      const [generation, sealed] = await Promise.all([readGeneration(key.tag), reads.run(part, readEntry)]);
      const entry = sealed === null ? undefined : seal.open(name, sealed);
      if (sealed !== null && !entry)
        warn(`unreadable ${key.cache}`, { cache: key.cache }, 'a cache entry cannot be read');
      return { entry: entry ?? memory.get(name), generation, failed: sealed !== null && !entry, localOnly: false };
    } catch {
      return inMemory(key, name, true);
    }
  };

  const store = async (key: CacheKey, name: string, value: unknown, generation: string): Promise<void> => {
    const text = JSON.stringify(value);
    if (text.length > maxTextLength) return;
    const loadedAt = now();
    const entry = { text, loadedAt, freshUntil: Math.round(loadedAt + ttlMs * (0.9 + Math.random() / 5)), generation };
    memory.set(name, entry);
    await generations.write(shared.partOf(key, name), (client) =>
      shared.write(client, key, name, seal.close(name, entry)),
    );
  };

  /**
   * At most one load at a time for each key and generation. The generation is part of the name, so that a caller after
   * an invalidation does not get the result of a load that began before it.
   */
  const loadOnce = <T>(
    key: CacheKey,
    name: string,
    generation: string | undefined,
    load: () => Promise<T>,
  ): Promise<T> =>
    shareLoad(`${generation} ${name}`, async () => {
      const value = await load();
      if (value !== undefined && generation !== undefined) await store(key, name, value, generation);
      return value;
    });

  const toCached = <T>({ text, loadedAt }: Entry, state: CacheState): Cached<T> => ({
    value: JSON.parse(text) as T,
    ageMs: Math.max(0, now() - loadedAt),
    state,
  });

  /** True if the fault point `cache.get` turns this read into a miss. */
  const injectedMiss = async (): Promise<boolean> => {
    if (!faults.armed('cache.get')) return false;
    try {
      await faults.reach('cache.get', currentRequest()?.signal);
      return false;
    } catch (error) {
      // The default error of the fault point causes a miss. Another configured code is thrown.
      if (error instanceof AppError && error.code !== 'external_api_unavailable') throw error;
      return true;
    }
  };

  const lookUp = async (key: CacheKey, name: string): Promise<Found> => {
    const startedAt = clock.monotonic();
    try {
      const found = await find(key, name);
      return (await injectedMiss()) ? { ...found, entry: undefined, failed: true } : found;
    } finally {
      addTiming('cache', clock.monotonic() - startedAt);
    }
  };

  const report = <T>({ cache }: CacheKey, failed: boolean, cached: Cached<T>): Cached<T> => {
    const stale = cached.state === 'stale' || cached.state === 'last_known_good';
    const outcome = stale ? 'stale' : cached.state === 'hit' ? 'hit' : failed ? 'error' : 'miss';
    metrics.count('volwatch_cache_requests_total', { cache, outcome });
    if (stale) metrics.observe('volwatch_cache_stale_age_seconds', { cache }, cached.ageMs / 1_000);
    trace.getActiveSpan()?.setAttribute('volwatch.cache.state', cached.state);
    return cached;
  };

  /** Redis removes an old entry with a later write. */
  const isTooOld = ({ loadedAt }: Entry): boolean => now() > loadedAt + ttlMs + staleMs;

  const lastKnownGood = <T>(entry: Entry | undefined, error: unknown): Cached<T> => {
    if (!entry || !isDependencyFailure(error) || isTooOld(entry)) throw error;
    const cached = toCached<T>(entry, 'last_known_good');
    const fields = { code: codeOf(error), age_ms: cached.ageMs };
    warn(`last ${fields.code}`, fields, 'the load failed; the last known value is returned');
    return cached;
  };

  return {
    read: async <T>(key: CacheKey, load: () => Promise<T>) => {
      if (ttlMs === 0) return { value: await load(), ageMs: 0, state: 'miss' };
      const name = nameOf(key);
      const { entry, generation, failed, localOnly } = await lookUp(key, name);
      const current = currentRequest()?.noCache !== true && entry?.generation === generation;
      if (entry && current && now() < entry.freshUntil) return report(key, failed, toCached<T>(entry, 'hit'));
      if (entry && current && !localOnly && now() < entry.freshUntil + ttlMs) {
        loadOnce(key, name, generation, load).catch((error: unknown) => {
          const fields = { cache: key.cache, code: codeOf(error) };
          warn(`stale ${fields.code}`, fields, 'a stale cache entry could not be loaded again');
        });
        return report(key, failed, toCached<T>(entry, 'stale'));
      }
      try {
        return report(key, failed, { value: await loadOnce(key, name, generation, load), ageMs: 0, state: 'miss' });
      } catch (error) {
        return report(key, failed, lastKnownGood<T>(entry, error));
      }
    },
    put: async (key, value) => {
      if (ttlMs === 0) return;
      const name = nameOf(key);
      // The earlier entry is not read, because it can have megabytes.
      const generation = await readGeneration(key.tag).catch(() => generations.local(key.tag));
      if (generation !== undefined) await store(key, name, value, generation);
    },
    last: async (key) => {
      const { entry, failed } = await find(key, nameOf(key));
      if (entry && !isTooOld(entry)) return report(key, failed, toCached<unknown>(entry, 'last_known_good'));
      metrics.count('volwatch_cache_requests_total', { cache: key.cache, outcome: failed ? 'error' : 'miss' });
      return undefined;
    },
    invalidate: generations.next,
    close: generations.close,
  };
};
