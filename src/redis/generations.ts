import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { RedisConnection } from './client.ts';
import { subscribeTo } from './feed.ts';

export type Generations = {
  /** The Redis key of the generation of a tag. */
  readonly nameOf: (tag: string) => string;
  /** The generation that this process knows. */
  readonly local: (tag: string) => string;
  /**
   * Agrees on the current generation with Redis. `stored` is the generation in Redis, read together with an entry; null
   * if Redis has none.
   * @returns the current generation, or undefined if there is no agreement
   */
  readonly agree: (tag: string, stored: string | null) => Promise<string | undefined>;
  /** Starts a new generation of a tag, which invalidates all its entries. */
  readonly next: (tag: string) => Promise<void>;
  readonly close: () => void;
};

const prefix = 'volwatch:cache:generation:';
const channel = 'volwatch:cache:invalidated';
/**
 * The generation of a tag is a random name that is part of every entry. A new name invalidates all entries on all
 * instances. The name is random because a counter could return to an old value after Redis has lost it (flush,
 * eviction).
 */
export const createGenerations = (redis: RedisConnection | undefined, logger: Logger): Generations => {
  const known = new Map<string, string>();
  /** Tags with an invalidation that is not yet written to Redis. */
  const unsent = new Set<string>();

  const local = (tag: string): string => {
    const generation = known.get(tag) ?? randomUUID();
    known.set(tag, generation);
    return generation;
  };

  const announce = async (client: Redis, tag: string): Promise<void> => {
    const generation = local(tag);
    await client.set(prefix + tag, generation);
    unsent.delete(tag);
    await client.publish(channel, `${generation} ${tag}`);
  };

  /** Creates a generation in Redis if there is none. If several instances do this, the first one is valid for all. */
  const create = async (client: Redis, tag: string): Promise<string | undefined> => {
    // The old generation is not used again, because an invalidation can have been lost together with it.
    const generation = randomUUID();
    const wasFirst = (await client.set(prefix + tag, generation, 'NX')) === 'OK';
    const agreed = wasFirst ? generation : await client.get(prefix + tag);
    if (agreed !== null) known.set(tag, agreed);
    return agreed ?? undefined;
  };

  const receive = (message: string): void => {
    const separator = message.indexOf(' ');
    const tag = message.slice(separator + 1);
    if (!unsent.has(tag)) known.set(tag, message.slice(0, separator));
  };
  const unsubscribe = redis && subscribeTo(redis, channel, receive);
  redis?.client.on('ready', () => {
    for (const tag of unsent) {
      announce(redis.client, tag).catch(() => logger.warn({ tag }, 'an invalidation could not be sent to redis yet'));
    }
  });

  return {
    nameOf: (tag) => prefix + tag,
    local,
    agree: async (tag, stored) => {
      if (redis === undefined) return local(tag);
      if (unsent.has(tag)) {
        await announce(redis.client, tag);
        return local(tag);
      }
      if (stored !== null) {
        known.set(tag, stored);
        return stored;
      }
      return create(redis.client, tag);
    },
    next: async (tag) => {
      known.set(tag, randomUUID());
      if (!redis) return;
      unsent.add(tag);
      await announce(redis.client, tag).catch(() => {});
    },
    close: () => unsubscribe?.(),
  };
};
