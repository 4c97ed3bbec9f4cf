import type { RedisConnection } from './client.ts';

/** Broadcasts short messages to all subscribed processes, including this one. Messages can be lost. */
export type Feed = {
  /** Never throws and never waits. */
  readonly publish: (message: string) => void;
  readonly subscribe: (receive: (message: string) => void) => void;
  readonly close: () => void;
};

const pingMs = 5_000;

/**
 * Subscribes to a Redis channel on a separate connection. The subscription is restored automatically after an outage.
 * @returns a function that ends the subscription
 */
export const subscribeTo = (
  { subscriber }: RedisConnection,
  channel: string,
  receive: (message: string) => void,
): (() => void) => {
  const connection = subscriber();
  connection.on('message', (_, message) => receive(message));
  // The connection has no offline queue, so it can subscribe only when it is ready.
  connection.on('ready', () => void connection.subscribe(channel).catch(() => {}));
  // A subscription receives no answers, so it does not notice a broken connection. A ping without an answer closes it.
  const pings = setInterval(() => {
    if (connection.status === 'ready') connection.ping().catch(() => {});
  }, pingMs).unref();
  return () => {
    clearInterval(pings);
    connection.disconnect();
  };
};

/** A feed on a Redis channel. */
export const createFeed = (redis: RedisConnection, channel: string): Feed => {
  let unsubscribe: (() => void) | undefined;
  return {
    publish: (message) => void redis.client.publish(channel, message).catch(() => {}),
    subscribe: (receive) => {
      unsubscribe = subscribeTo(redis, channel, receive);
    },
    close: () => unsubscribe?.(),
  };
};
