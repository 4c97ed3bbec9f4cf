import type { Redis } from 'ioredis';
import type { RedisConnection } from './client.ts';

/** Broadcasts short messages to all subscribed processes, including this one. Messages can be lost. */
export type Feed = {
  /** Never throws and never waits. */
  readonly publish: (message: string) => void;
  readonly subscribe: (receive: (message: string) => void) => void;
  readonly close: () => void;
};

const pingMs = 5_000;

/** A feed on a Redis channel. The subscription is restored automatically after an outage. */
export const createFeed = ({ client, subscriber }: RedisConnection, channel: string): Feed => {
  let listener: Redis | undefined;
  let pings: NodeJS.Timeout | undefined;
  return {
    publish: (message) => void client.publish(channel, message).catch(() => {}),
    subscribe: (receive) => {
      const opened = subscriber();
      listener = opened;
      opened.on('message', (_, message) => receive(message));
      // The connection has no offline queue, so it can subscribe only when it is ready.
      opened.on('ready', () => void opened.subscribe(channel).catch(() => {}));
      // A subscription receives no answers, so it does not notice a broken connection. A ping without an answer closes
      // it.
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
