import { z } from 'zod';
import type { RevocationFeed } from '../../auth/index.ts';
import type { Logger } from '../../kernel/ports/logger.ts';
import { createFeed, type RedisConnection } from '../../redis/index.ts';

const message = z.array(z.object({ id: z.string(), expiresAt: z.iso.datetime().transform((text) => new Date(text)) }));

/** Revoked tokens from instance to instance through Redis; undefined without it: then each polls the database. */
export const composeRevocationFeed = (
  redis: RedisConnection | undefined,
  logger: Logger,
): (RevocationFeed & { readonly close: () => void }) | undefined => {
  if (!redis) return undefined;
  const feed = createFeed(redis, 'volwatch:revoked-tokens');
  return {
    publish: (tokens) => feed.publish(JSON.stringify(tokens)),
    subscribe: (receive) =>
      feed.subscribe((text) => {
        try {
          receive(message.parse(JSON.parse(text)));
        } catch {
          // Of another version, perhaps: the database tells at the next poll.
          logger.warn({}, 'a message about revoked tokens cannot be read');
        }
      }),
    close: feed.close,
  };
};
