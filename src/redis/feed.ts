import type { Redis } from 'ioredis';
import type { RedisConnection } from './client.ts';

/** Short messages to every process that listens, this one included. Best effort: what nobody hears is gone. */
export type Feed = {
  /** Never throws and never waits. */
  readonly publish: (message: string) => void;
  readonly subscribe: (receive: (message: string) => void) => void;
  readonly close: () => void;
};

const pingMs = 5_000;

/** A Redis channel. The subscription comes back by itself after an outage. */
export const createFeed = ({ client, subscriber }: RedisConnection, channel: string): Feed => {
  let listener: Redis | undefined;
  let pings: NodeJS.Timeout | undefined;
  return {
    publish: (message) => void client.publish(channel, message).catch(() => {}),
    subscribe: (receive) => {
      const opened = subscriber();
      listener = opened;
      opened.on('message', (_, message) => receive(message));
      // Without an offline queue nothing can be sent before the connection is ready.
      opened.on('ready', () => void opened.subscribe(channel).catch(() => {}));
      // A connection that only listens never notices that nobody speaks any more; an unanswered ping takes it down.
      pings = setInterval(() => {
        if (opened.status === 'ready') opened.ping().catch(() => {});
      }, pingMs).unref();
    },
    close: () => {
      clearInterval(pings);
      listener?.disconnect();
    },
  };
};
