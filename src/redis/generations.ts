import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from '#src/kernel/logger.ts';
import type { RedisConnection } from './client.ts';

export type Generations = {
  /** The name of a tag's generation in Redis. */
  readonly nameOf: (tag: string) => string;
  /** What this process last heard. */
  readonly local: (tag: string) => string;
  /** What Redis said, in the same answer as an entry; null when it has none yet. @returns the generation to go by, undefined while the two cannot be brought together */
  readonly settle: (tag: string, stored: string | null) => Promise<string | undefined>;
  readonly next: (tag: string) => Promise<void>;
  readonly close: () => void;
};

const prefix = 'volwatch:cache:generation:';
const channel = 'volwatch:cache:invalidated';
const pingMs = 5_000;

/**
 * A tag's generation is a random name that every entry carries; a new name outdates all entries at once, wherever they
 * are. A name that was lost (flushed, evicted) is never given again, which a number would be.
 */
export const createGenerations = (redis: RedisConnection | undefined, logger: Logger): Generations => {
  const known = new Map<string, string>();
  /** Tags whose invalidation Redis has not heard of. */
  const owed = new Set<string>();

  const local = (tag: string): string => {
    const generation = known.get(tag) ?? randomUUID();
    known.set(tag, generation);
    return generation;
  };

  const announce = async (client: Redis, tag: string): Promise<void> => {
    const generation = local(tag);
    await client.set(prefix + tag, generation);
    owed.delete(tag);
    await client.publish(channel, `${generation} ${tag}`);
  };

  /** Names a tag that Redis has no name for: whoever is first, on whichever instance, is followed by the rest. */
  const name = async (client: Redis, tag: string): Promise<string | undefined> => {
    // Lost, perhaps together with news of an invalidation: the name from before is not believed either.
    const generation = randomUUID();
    const ours = (await client.set(prefix + tag, generation, 'NX')) === 'OK';
    const settled = ours ? generation : await client.get(prefix + tag);
    if (settled !== null) known.set(tag, settled);
    return settled ?? undefined;
  };

  const subscriber = redis?.subscriber();
  subscriber?.on('ready', () => {
    subscriber.subscribe(channel).catch(() => {});
  });
  subscriber?.on('message', (_channel: string, message: string) => {
    const at = message.indexOf(' ');
    if (!owed.has(message.slice(at + 1))) known.set(message.slice(at + 1), message.slice(0, at));
  });
  // A connection that only listens never notices that nobody speaks any more; an unanswered ping takes it down.
  const pings = setInterval(() => {
    if (subscriber?.status === 'ready') subscriber.ping().catch(() => {});
  }, pingMs).unref();
  redis?.client.on('ready', () => {
    for (const tag of owed) {
      announce(redis.client, tag).catch(() => logger.warn({ tag }, 'an invalidation is still owed to redis'));
    }
  });

  return {
    nameOf: (tag) => prefix + tag,
    local,
    settle: async (tag, stored) => {
      if (redis === undefined) return local(tag);
      if (owed.has(tag)) {
        await announce(redis.client, tag);
        return local(tag);
      }
      if (stored !== null) {
        known.set(tag, stored);
        return stored;
      }
      return name(redis.client, tag);
    },
    next: async (tag) => {
      known.set(tag, randomUUID());
      if (!redis) return;
      owed.add(tag);
      await announce(redis.client, tag).catch(() => {});
    },
    close: () => {
      clearInterval(pings);
      subscriber?.disconnect();
    },
  };
};
