import { trace } from '@opentelemetry/api';
import type { Cache, Cached, CacheKey, CacheState } from '#src/kernel/cache.ts';
import type { Clock } from '#src/kernel/clock.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/errors.ts';
import type { Faults } from '#src/kernel/faults.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import { addTiming, currentRequest } from '#src/kernel/request-context.ts';
import type { RedisConnection } from './client.ts';
import { createMemoryEntries, createSeal, type Entry } from './entries.ts';
import { createGenerations } from './generations.ts';

export type CacheDeps = {
  /** Undefined: entries live in this process alone. */
  readonly redis: RedisConnection | undefined;
  readonly secret: Uint8Array;
  /** How long an entry is fresh, give or take a tenth, and then may be answered while it is loaded anew. 0: no cache. */
  readonly ttlMs: number;
  /** How much longer it may stand in while nothing newer can be had. */
  readonly staleMs: number;
  readonly memoryBytes: number;
  readonly faults: Faults;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type Found = {
  readonly entry: Entry | undefined;
  /** Undefined: nothing may be kept, since nobody knows what it would belong to. */
  readonly generation: string | undefined;
  readonly failed: boolean;
  /** From this process's memory, without having asked Redis. */
  readonly alone: boolean;
};

/** Without Redis other instances cannot be heard: what this process keeps is believed for this long only. */
const aloneMs = 5_000;
const largestText = 8 * 2 ** 20;

/** Only a dependency's failure makes an outdated answer better than none. */
const excuses = (error: unknown): boolean => ['database', 'external_api'].includes(errorTable[codeOf(error)].category);

/** Read-through cache on Redis, with this process's memory to fall back on. */
export const createCache = (deps: CacheDeps): Cache & { readonly close: () => void } => {
  const { redis, ttlMs, staleMs, faults, logger, metrics, clock } = deps;
  const seal = createSeal(deps.secret);
  const memory = createMemoryEntries(deps.memoryBytes);
  const generations = createGenerations(redis, logger);
  const loading = new Map<string, Promise<unknown>>();
  const now = (): number => clock.now().getTime();
  const nameOf = ({ cache, tag, key }: CacheKey): string => `volwatch:cache:${cache}:${tag}:${key}`;

  const inMemory = ({ tag }: CacheKey, name: string, failed: boolean): Found => {
    const entry = memory.get(name);
    const believed = entry && { ...entry, freshUntil: Math.min(entry.freshUntil, entry.loadedAt + aloneMs) };
    return { entry: believed, generation: generations.local(tag), failed, alone: true };
  };

  /** Entry and generation in one answer, so that no invalidation can come in between. */
  const find = async (key: CacheKey, name: string): Promise<Found> => {
    if (!redis) return inMemory(key, name, false);
    try {
      const [stored = null, sealed = null] = await redis.client.mget(generations.nameOf(key.tag), name);
      const generation = await generations.settle(key.tag, stored);
      const entry = sealed === null ? undefined : seal.open(name, sealed);
      if (sealed !== null && !entry) logger.warn({ cache: key.cache }, 'a cache entry cannot be read');
      return { entry: entry ?? memory.get(name), generation, failed: sealed !== null && !entry, alone: false };
    } catch {
      return inMemory(key, name, true);
    }
  };

  const keep = async (name: string, value: unknown, generation: string): Promise<void> => {
    const text = JSON.stringify(value);
    if (text.length > largestText) return;
    const loadedAt = now();
    const entry = { text, loadedAt, freshUntil: Math.round(loadedAt + ttlMs * (0.9 + Math.random() / 5)), generation };
    memory.set(name, entry);
    await redis?.client.set(name, seal.close(name, entry), 'PX', ttlMs + staleMs).catch(() => {});
  };

  /** One load a key and generation: whoever comes after an invalidation does not join a load from before it. */
  const loadOnce = <T>(name: string, generation: string | undefined, load: () => Promise<T>): Promise<T> => {
    const flight = `${generation} ${name}`;
    const running = loading.get(flight) as Promise<T> | undefined;
    if (running) return running;
    const work = (async () => {
      try {
        const value = await load();
        if (value !== undefined && generation !== undefined) await keep(name, value, generation);
        return value;
      } finally {
        loading.delete(flight);
      }
    })();
    loading.set(flight, work);
    return work;
  };

  const answer = <T>({ text, loadedAt }: Entry, state: CacheState): Cached<T> => ({
    value: JSON.parse(text) as T,
    ageMs: Math.max(0, now() - loadedAt),
    state,
  });

  const injected = async (): Promise<boolean> => {
    if (!faults.armed('cache.get')) return false;
    try {
      await faults.reach('cache.get', currentRequest()?.signal);
      return false;
    } catch (error) {
      // What the point throws unless told otherwise is a miss; a code that was asked for is given.
      if (error instanceof AppError && error.code !== 'external_api_unavailable') throw error;
      return true;
    }
  };

  const lookUp = async (key: CacheKey, name: string): Promise<Found> => {
    const begun = clock.monotonic();
    try {
      const found = await find(key, name);
      return (await injected()) ? { ...found, entry: undefined, failed: true } : found;
    } finally {
      addTiming('cache', clock.monotonic() - begun);
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

  const standIn = <T>(entry: Entry | undefined, error: unknown): Cached<T> => {
    if (!entry || !excuses(error) || now() > entry.loadedAt + ttlMs + staleMs) throw error;
    const cached = answer<T>(entry, 'last_known_good');
    logger.warn({ code: codeOf(error), age_ms: cached.ageMs }, 'answered with what was last known');
    return cached;
  };

  return {
    read: async <T>(key: CacheKey, load: () => Promise<T>) => {
      if (ttlMs === 0) return { value: await load(), ageMs: 0, state: 'miss' };
      const name = nameOf(key);
      const { entry, generation, failed, alone } = await lookUp(key, name);
      const current = currentRequest()?.freshest !== true && entry?.generation === generation;
      if (entry && current && now() < entry.freshUntil) return report(key, failed, answer<T>(entry, 'hit'));
      if (entry && current && !alone && now() < entry.freshUntil + ttlMs) {
        loadOnce(name, generation, load).catch((error: unknown) => {
          logger.warn({ cache: key.cache, code: codeOf(error) }, 'an entry could not be loaded anew');
        });
        return report(key, failed, answer<T>(entry, 'stale'));
      }
      try {
        return report(key, failed, { value: await loadOnce(name, generation, load), ageMs: 0, state: 'miss' });
      } catch (error) {
        return report(key, failed, standIn<T>(entry, error));
      }
    },
    put: async (key, value) => {
      if (ttlMs === 0) return;
      const name = nameOf(key);
      const { generation } = await find(key, name);
      if (generation !== undefined) await keep(name, value, generation);
    },
    last: async (key) => {
      const { entry, failed } = await find(key, nameOf(key));
      if (entry) return report(key, failed, answer<unknown>(entry, 'last_known_good'));
      metrics.count('volwatch_cache_requests_total', { cache: key.cache, outcome: failed ? 'error' : 'miss' });
      return undefined;
    },
    invalidate: generations.next,
    close: generations.close,
  };
};
