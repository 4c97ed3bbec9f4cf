import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { RedisGate, RedisUse } from '#src/kernel/ports/redis.ts';
import type { RedisConnection } from './client.ts';

/** Broadcasts short messages to all subscribed processes, including this one. Messages can be lost. */
export type Feed = {
  /** Never throws and never waits. */
  readonly publish: (message: string) => void;
  readonly subscribe: (receive: (message: string) => void) => void;
  readonly close: () => void;
};

export type FeedOptions = {
  readonly use: RedisUse;
  readonly channel: string;
  /** Published by the probe. Subscribers do not receive it; those of an earlier version must be able to read it. */
  readonly probeMessage: string;
};

type Subscription = {
  /** Subscribes again. @throws Error if the subscription is not confirmed in time */
  readonly confirm: () => Promise<unknown>;
  readonly close: () => void;
};

const confirmMs = 5_000;
const connectMs = 2_000;
const reopenMs = 250;

/**
 * Subscribes to a channel on a separate connection. After an outage the connection and the subscription are restored. The
 * subscription is repeated regularly, because a connection that only receives would not notice that it is broken.
 */
const subscribeTo = (
  { subscriber }: RedisConnection,
  channel: string,
  gate: RedisGate,
  receive: (message: string) => void,
): Subscription => {
  let connection: Redis;
  let closed = false;
  let reopening: NodeJS.Timeout | undefined;

  const repeat = (): void => {
    if (connection.status === 'ready') gate.run(channel, () => connection.subscribe(channel)).catch(() => {});
  };
  const open = (): void => {
    connection = subscriber();
    connection.on('message', (_, message) => receive(message));
    // The connection has no offline queue, so it can subscribe only when it is ready.
    connection.on('ready', repeat);
    connection.once('end', () => {
      if (!closed) reopening = setTimeout(open, reopenMs).unref();
    });
  };
  open();
  const repeats = setInterval(repeat, confirmMs).unref();
  return {
    confirm: async () => {
      if (connection!.status !== 'ready') await once(connection!, 'ready', { signal: AbortSignal.timeout(connectMs) });
      return connection!.subscribe(channel);
    },
    close: () => {
      closed = true;
      clearInterval(repeats);
      clearTimeout(reopening);
      connection!.disconnect();
    },
  };
};

/** A feed on a Redis channel. */
export const createFeed = (redis: RedisConnection, { use, channel, probeMessage }: FeedOptions): Feed => {
  let subscription: Subscription | undefined;
  const gate = redis.use(use, async () => {
    await redis.client.publish(channel, probeMessage);
    await subscription?.confirm();
  });
  return {
    publish: (message) => void gate.run(channel, () => redis.client.publish(channel, message)).catch(() => {}),
    subscribe: (receive) => {
      subscription = subscribeTo(redis, channel, gate, (message) => {
        if (message !== probeMessage) receive(message);
      });
    },
    close: () => subscription?.close(),
  };
};
