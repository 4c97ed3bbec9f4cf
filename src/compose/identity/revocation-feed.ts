import { z } from 'zod';
import type { RevocationFeed } from '../../auth/index.ts';
import type { Logger } from '../../kernel/ports/logger.ts';
import { createFeed, type RedisConnection } from '../../redis/index.ts';

const message = z.array(z.object({ id: z.string(), expiresAt: z.iso.datetime().transform((text) => new Date(text)) }));

/**
 * Sends revoked tokens to the other instances through Redis. Undefined without Redis; then each instance polls the
 * database.
 */
export const composeRevocationFeed = (
  redis: RedisConnection | undefined,
  logger: Logger,
): (RevocationFeed & { readonly close: () => void }) | undefined => {
  if (!redis) return undefined;
  const feed = createFeed(redis, { use: 'revocations', channel: 'volwatch:revoked-tokens', probeMessage: '[]' });
  return {
    publish: (tokens) => feed.publish(JSON.stringify(tokens)),
    subscribe: (receive) =>
      feed.subscribe((text) => {
        try {
          receive(message.parse(JSON.parse(text)));
        } catch {
          // The sender may have another version. The next poll of the database gets the tokens anyway.
          logger.warn({}, 'a message about revoked tokens cannot be read');
        }
      }),
    close: feed.close,
  };
};
