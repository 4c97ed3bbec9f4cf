import test from 'ava';
import { createServer, connect as connectTo } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createFeed } from '#src/redis/feed.ts';
import { eventually } from '#testkit/eventually.ts';
import { connect, redisUrl } from '#testkit/redis.ts';

/** A hop to Redis that can lose SUBSCRIBE commands: by silence, or by cutting the connection. */
const startHop = async (t: { teardown: (end: () => void) => void }) => {
  const target = new URL(redisUrl());
  const state = { mode: 'pass' as 'pass' | 'mute' | 'cut', lost: 0 };
  const subscribers = new Set<() => void>();
  const server = createServer((client) => {
    const upstream = connectTo(Number(target.port), target.hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      subscribers.delete(end);
    };
    client.on('error', end).on('close', end);
    upstream.on('error', end).on('close', end).pipe(client);
    client.on('data', (data) => {
      if (/subscribe\r\n/i.test(data.toString('latin1'))) {
        subscribers.add(end);
        if (state.mode !== 'pass') state.lost += 1;
        if (state.mode === 'cut') return end();
        if (state.mode === 'mute') return;
      }
      upstream.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const end of subscribers) end();
    server.close();
  });
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href, state, cutSubscribers: () => [...subscribers].forEach((end) => end()) };
};

// An unhandled rejection would end this test file, as it would end the service.
for (const mode of ['mute', 'cut'] as const) {
  test(`a subscription that fails after a lost connection (${mode}) is tried again, and ends nothing`, async (t) => {
    const hop = await startHop(t);
    const redis = connect(t, hop.url);
    const feed = createFeed(redis, { use: 'revocations', channel: `feed-${Math.random()}`, probeMessage: 'probe' });
    t.teardown(feed.close);
    const received: string[] = [];
    feed.subscribe((message) => received.push(message));
    let sent = 0;
    const arrives = (): boolean => {
      feed.publish(String((sent += 1)));
      return received.length > 0;
    };
    await eventually(arrives, 'the first message');
    hop.state.mode = mode;
    hop.cutSubscribers();
    await eventually(() => hop.state.lost >= 2, 'two lost subscriptions');
    hop.state.mode = 'pass';
    received.length = 0;
    await eventually(arrives, 'a message after the failures');
    t.pass();
  });
}
