import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { createCredits } from '#src/redis/credits.ts';
import { eventually } from '#testkit/eventually.ts';
import { connect, throughRedisProxy } from '#testkit/redis.ts';

const minuteMs = 60_000;

/**
 * Waits for the next minute if the current one is almost over, because the credits must not be renewed during a test.
 */
const earlyInTheMinute = async (): Promise<void> => {
  const left = minuteMs - (Date.now() % minuteMs);
  if (left < 3_000) await sleep(left);
};

test('processes share one account, and a refused request gets the time until the next attempt', async (t) => {
  await earlyInTheMinute();
  const name = randomUUID();
  const { proxy, url } = await throughRedisProxy(t);
  const [one, two] = await Promise.all(
    [1, 2].map(async () => {
      const redis = connect(t, url);
      await eventually(() => redis.client.status === 'ready', 'redis is connected');
      return createCredits({ name, max: 8, period: 'minute', redis, clock: systemClock });
    }),
  );
  t.is(await one?.take(5), 0);
  const wait = (await two?.take(5)) ?? 0;
  t.true(wait > 0 && wait <= minuteMs, `${wait} ms`);
  t.is(await two?.take(3), 0);
  const answers = await Promise.all(Array.from({ length: 10 }, () => one!.take(1)));
  t.true(answers.every((each) => each > 0));

  // Without Redis a process counts its own credits, and does not take more than the account has.
  proxy.cut();
  t.is(await one?.take(3), 0);
  t.true(((await one?.take(1)) ?? 0) > 0);
});

test('credits of an hour are renewed at the next full hour, with Redis and without', async (t) => {
  let now = Date.parse('2026-01-01T00:58:20Z');
  const clock = { ...systemClock, now: () => new Date(now) };
  const alone = createCredits({ name: 'hourly', max: 2, period: 'hour', redis: undefined, clock });
  t.is(await alone.take(2), 0);
  t.is(await alone.take(1), 100_000);
  now += 60_000;
  t.is(await alone.take(1), 40_000, 'a full minute renews nothing');
  now += 40_000;
  t.is(await alone.take(2), 0);

  const redis = connect(t, (await throughRedisProxy(t)).url);
  await eventually(() => redis.client.status === 'ready', 'redis is connected');
  const shared = createCredits({ name: randomUUID(), max: 2, period: 'hour', redis, clock: systemClock });
  const hourMs = 3_600_000;
  // The server counts by its own clock. Near the end of an hour the credits could be renewed between two lines.
  if (Date.now() % hourMs > hourMs - 5_000) await sleep(6_000);
  t.is(await shared.take(2), 0);
  const left = hourMs - (Date.now() % hourMs);
  const wait = await shared.take(1);
  t.true(Math.abs(wait - left) < 5_000, `${wait} ms of ${left} ms`);
});

test('credits are renewed at the next full minute', async (t) => {
  let now = Date.parse('2026-01-01T00:00:50Z');
  const clock = { ...systemClock, now: () => new Date(now) };
  const credits = createCredits({ name: 'alone', max: 2, period: 'minute', redis: undefined, clock });
  t.is(await credits.take(2), 0);
  t.is(await credits.take(1), 10_000);
  now += 10_000;
  t.is(await credits.take(2), 0);
});

test('paced credits come in parts of the period, which are large enough for a burst', async (t) => {
  const start = Date.UTC(2026, 10, 30, 12);
  for (const [max, seconds, part] of [
    [6_000, 1, 100],
    [1_000, 3, 50],
    [60, 60, 60],
  ] as const) {
    let now = start;
    const clock = { ...systemClock, now: () => new Date(now) };
    const credits = createCredits({ name: 'paced', max, period: 'minute', isPaced: true, redis: undefined, clock });
    let taken = 0;
    for (let second = 0; second < 60; second += 1) {
      while ((await credits.take(1)) === 0) taken += 1;
      t.is(await credits.take(1), (seconds - (second % seconds)) * 1_000);
      if (second === 0) t.is(taken, part);
      now += 1_000;
    }
    t.is(taken, max);
  }
});
