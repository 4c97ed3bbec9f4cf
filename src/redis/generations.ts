import { randomUUID } from 'node:crypto';
import { dayMs } from '#src/kernel/calendar.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { RedisClient } from '#src/kernel/ports/redis.ts';
import type { RedisConnection } from './client.ts';
import { createFeed } from './feed.ts';
import { probeWriteOfEntry } from './shared-entries.ts';

export type Generations = {
  /** The Redis key of the generation of a tag. */
  readonly nameOf: (tag: string) => string;
  /** The generation that this process knows. */
  readonly local: (tag: string) => string;
  /**
   * Agrees on the current generation with Redis. `stored` is the generation in Redis, which was read for the same request as the entry; null if Redis has
   * none.
   * @returns the current generation, or undefined if there is no agreement
   */
  readonly agree: (tag: string, stored: string | null) => Promise<string | undefined>;
  /** Starts a new generation of a tag, which invalidates all its entries. */
  readonly next: (tag: string) => Promise<void>;
  /** Writes an entry. Does nothing while Redis refuses writes. Never rejects. */
  readonly write: (key: string, command: (client: RedisClient) => Promise<unknown>) => Promise<void>;
  readonly close: () => void;
};

const prefix = 'volwatch:cache:generation:';
const channel = 'volwatch:cache:invalidated';
const probeSeconds = 60;
/** More tags than a service has universes. A tag that is forgotten gets a new name, so its entries are misses. */
const maxKnown = 20_000;

export type GenerationsDeps = {
  readonly redis: RedisConnection | undefined;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Max milliseconds after its load in which an entry is used. */
  readonly maxEntryMs: number;
};

const nameOf = (tag: string): string => `${prefix}{${tag}}`;

/**
 * The generation of a tag is a random name that is part of every entry. A new name invalidates all entries on all
 * instances. The name is random because a counter could return to an old value after Redis has lost it (flush,
 * eviction, expiry). A name that is lost is never used again.
 */
export const createGenerations = ({ redis, clock, maxEntryMs }: GenerationsDeps): Generations => {
  /** The least recently used tag is the first. */
  const known = new Map<string, string>();
  /** Tags with an invalidation that is not yet written to Redis, and its time. */
  const unsent = new Map<string, number>();
  /** The key of a universe that was deleted must not stay. Each refresh writes a new one, so one that is in use is rarely lost. */
  const lifetimeMs = Math.max(dayMs, maxEntryMs);

  const keep = (tag: string, generation: string): string => {
    known.delete(tag);
    known.set(tag, generation);
    if (known.size > maxKnown) known.delete(known.keys().next().value!);
    return generation;
  };
  const local = (tag: string): string => keep(tag, known.get(tag) ?? randomUUID());

  /** Keeps an invalidation for later. After `maxEntryMs` nobody uses an entry from before it, so it has no effect any more. */
  const keepUnsent = (tag: string): void => {
    const now = clock.monotonic();
    unsent.delete(tag);
    unsent.set(tag, now);
    for (const [oldest, at] of unsent) {
      if (now - at <= maxEntryMs) break;
      unsent.delete(oldest);
    }
  };

  const feed = redis && createFeed(redis, { use: 'invalidations', channel, probeMessage: '' });
  feed?.subscribe((message) => {
    const separator = message.indexOf(' ');
    const tag = message.slice(separator + 1);
    // This process has no entries of a tag that it does not know.
    if (!unsent.has(tag) && known.has(tag)) keep(tag, message.slice(0, separator));
  });

  /**
   * Writes a generation of the tag, and tells the other instances. It is a new one: entries that this process has loaded since its
   * invalidation can be older than an invalidation by another instance.
   */
  const announce = async (client: RedisClient, tag: string): Promise<void> => {
    const generation = keep(tag, randomUUID());
    await client.set(nameOf(tag), generation, 'PX', lifetimeMs);
    unsent.delete(tag);
    feed?.publish(`${generation} ${tag}`);
  };
  const announceAll = async (client: RedisClient): Promise<void> => {
    for (const tag of unsent.keys()) await announce(client, tag);
  };

  /** The probe also sends the invalidations that were kept, so that other instances do not wait for a read on this one. */
  const writes = redis?.use('cache_write', async (tag) => {
    const key = `${prefix}probe:{${tag}}`;
    await redis.client.set(key, '1', 'EX', probeSeconds);
    await redis.client.get(key);
    await probeWriteOfEntry(redis.client, tag);
    await announceAll(redis.client);
  });

  /** Creates a generation in Redis if there is none. If several instances do this, the first one is valid for all. */
  const create = async (client: RedisClient, tag: string): Promise<string | undefined> => {
    // The old generation is not used again, because an invalidation can have been lost together with it.
    const generation = randomUUID();
    const wasFirst = (await client.set(nameOf(tag), generation, 'PX', lifetimeMs, 'NX')) === 'OK';
    const agreed = wasFirst ? generation : await client.get(nameOf(tag));
    if (agreed !== null) keep(tag, agreed);
    return agreed ?? undefined;
  };

  return {
    nameOf,
    local,
    agree: async (tag, stored) => {
      if (!redis || !writes) return local(tag);
      if (unsent.has(tag)) {
        await writes.run(nameOf(tag), () => announce(redis.client, tag));
        return local(tag);
      }
      if (stored !== null) {
        return keep(tag, stored);
      }
      return writes.run(nameOf(tag), () => create(redis.client, tag));
    },
    next: async (tag) => {
      keep(tag, randomUUID());
      if (!redis || !writes) return;
      keepUnsent(tag);
      await writes.run(nameOf(tag), () => announce(redis.client, tag)).catch(() => {});
    },
    write: async (key, command) => {
      if (redis && writes?.works()) await writes.run(key, () => command(redis.client)).catch(() => {});
    },
    close: () => feed?.close(),
  };
};
