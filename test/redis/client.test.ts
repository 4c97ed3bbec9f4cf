import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HealthReading } from '#src/kernel/health.ts';
import type { Logger } from '#src/kernel/logger.ts';
import type { RedisConnection } from '#src/redis/client.ts';
import { recordMetrics } from '#test/support/metrics.ts';
import { connect, throughRedisProxy } from '#test/support/redis.ts';

const setup = async (t: ExecutionContext, prepare: (proxy: { cut: () => void }) => void = () => {}) => {
  const { proxy, url } = await throughRedisProxy(t);
  prepare(proxy);
  const metrics = recordMetrics();
  const lines: string[] = [];
  const log = (_: object, message: string): void => void lines.push(message);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const redis = connect(t, url, { metrics, logger });
  return { proxy, redis, metrics, lines };
};

/** Milliseconds: below the command timeout, and enough for a busy machine. */
const notWaiting = 150;

const read = ({ healthCheck }: RedisConnection): Promise<HealthReading> =>
  healthCheck.check(AbortSignal.timeout(1_000));

const comesUp = async (redis: RedisConnection, timeoutMs = 10_000): Promise<boolean> => {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(20)) {
    if ((await read(redis)).status === 'up') return true;
  }
  return false;
};

/** Milliseconds until each of `count` commands, one after the other, was answered or refused. */
const timed = async ({ client }: RedisConnection, count: number): Promise<number[]> => {
  const took: number[] = [];
  for (let command = 0; command < count; command += 1) {
    const begun = performance.now();
    await client.get('nothing').catch(() => {});
    took.push(performance.now() - begun);
  }
  return took;
};

test('down at boot: commands fail at once, health says so, and it comes back by itself', async (t) => {
  const { proxy, redis, metrics, lines } = await setup(t, (each) => each.cut());
  await sleep(50);
  t.is((await read(redis)).status, 'down');
  t.true(Math.max(...(await timed(redis, 5))) < notWaiting);
  t.is(metrics.value('volwatch_dependency_up', { dependency: 'redis' }), 0);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'rejected' }), 5);
  proxy.restore();
  t.true(await comesUp(redis));
  t.is(metrics.value('volwatch_dependency_up', { dependency: 'redis' }), 1);
  t.deepEqual(lines, ['redis is lost: limits and caches fall back to the process', 'redis is connected']);
});

test('cut: back within seconds, and no command is sent twice', async (t) => {
  const { proxy, redis } = await setup(t);
  t.true(await comesUp(redis));
  const key = `counter-${Math.random()}`;
  await redis.client.incr(key);
  proxy.latency(100);
  const lost = redis.client.incr(key);
  await sleep(20);
  proxy.cut();
  await t.throwsAsync(lost);
  proxy.restore();
  t.true(await comesUp(redis));
  t.true(Number(await redis.client.get(key)) <= 2);
});

test('a black hole costs one wait of the command timeout, then nothing', async (t) => {
  const { proxy, redis, metrics } = await setup(t);
  t.true(await comesUp(redis));
  proxy.blackhole();
  const [first = 0, ...others] = await timed(redis, 20);
  t.true(first >= 190 && first < 400, `${first} ms`);
  t.true(Math.max(...others) < notWaiting, `${Math.max(...others)} ms`);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'timeout' }), 1);
  t.is((await read(redis)).status, 'down');
  proxy.restore();
  t.true(await comesUp(redis));
});

test('latency beyond the timeout is bounded; below it is borne', async (t) => {
  const { proxy, redis } = await setup(t);
  t.true(await comesUp(redis));
  proxy.latency(40);
  t.is(await redis.client.set('slow', 'yes'), 'OK');
  proxy.latency(1_000);
  const [took = 0] = await timed(redis, 1);
  t.true(took < 400, `${took} ms`);
  proxy.restore();
  t.true(await comesUp(redis));
});

test('closing ends the connection, and is not reported as a loss', async (t) => {
  const { redis, lines } = await setup(t);
  t.true(await comesUp(redis));
  await redis.close();
  await sleep(50);
  t.is(redis.client.status, 'end');
  t.deepEqual(lines, ['redis is connected']);
});
