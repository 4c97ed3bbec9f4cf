import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { RedisConnection } from '#src/redis/client.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { connect, throughRedisProxy } from '#testkit/redis.ts';

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

/**
 * A command that takes less than this did not wait. The limit is below the command timeout, and allows a busy machine.
 */
const noWaitMs = 150;

const readHealth = ({ healthCheck }: RedisConnection): Promise<HealthReading> =>
  healthCheck.check(AbortSignal.timeout(1_000));

const isUp = (redis: RedisConnection): Promise<void> =>
  eventually(async () => (await readHealth(redis)).status === 'up', 'redis is up');

/** Durations in milliseconds of `count` commands, one after the other, until an answer or an error. */
const measure = async ({ client }: RedisConnection, count: number): Promise<number[]> => {
  const durationsMs: number[] = [];
  for (let command = 0; command < count; command += 1) {
    const startedAt = performance.now();
    await client.get('nothing').catch(() => {});
    durationsMs.push(performance.now() - startedAt);
  }
  return durationsMs;
};

test('if Redis is down at startup, commands fail immediately, health is down, and the client connects later', async (t) => {
  const { proxy, redis, metrics, lines } = await setup(t, (each) => each.cut());
  await eventually(() => lines.length > 0, 'the lost connection is logged');
  t.is((await readHealth(redis)).status, 'down');
  t.true(Math.max(...(await measure(redis, 5))) < noWaitMs);
  t.is(metrics.value('volwatch_dependency_up', { dependency: 'redis' }), 0);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'rejected' }), 5);
  proxy.restore();
  await isUp(redis);
  t.is(metrics.value('volwatch_dependency_up', { dependency: 'redis' }), 1);
  t.deepEqual(lines, ['redis is lost: limits and caches fall back to the process', 'redis is connected']);
});

test('after a cut connection the client connects again, and no command is sent twice', async (t) => {
  const { proxy, redis } = await setup(t);
  await isUp(redis);
  const key = `counter-${Math.random()}`;
  await redis.client.incr(key);
  proxy.latency(100);
  const lost = redis.client.incr(key);
  // The command is sent, and its answer is still under way.
  await sleep(20);
  proxy.cut();
  await t.throwsAsync(lost);
  proxy.restore();
  await isUp(redis);
  t.true(Number(await redis.client.get(key)) <= 2);
});

test('if Redis does not answer, one command waits for the timeout and later commands fail immediately', async (t) => {
  const { proxy, redis, metrics } = await setup(t);
  await isUp(redis);
  proxy.blackhole();
  const [first = 0, ...others] = await measure(redis, 20);
  t.true(first >= 190 && first < 400, `${first} ms`);
  t.true(Math.max(...others) < noWaitMs, `${Math.max(...others)} ms`);
  t.is(metrics.value('volwatch_dependency_request_duration_seconds', { outcome: 'timeout' }), 1);
  t.is((await readHealth(redis)).status, 'down');
  proxy.restore();
  await isUp(redis);
});

test('a command succeeds with a latency below the timeout, and fails at the timeout with a larger one', async (t) => {
  const { proxy, redis } = await setup(t);
  await isUp(redis);
  proxy.latency(40);
  t.is(await redis.client.set('slow', 'yes'), 'OK');
  proxy.latency(1_000);
  const [durationMs = 0] = await measure(redis, 1);
  t.true(durationMs < 400, `${durationMs} ms`);
  proxy.restore();
  await isUp(redis);
});

test('close ends the connection and does not log a lost connection', async (t) => {
  const { redis, lines } = await setup(t);
  await isUp(redis);
  await redis.close();
  await eventually(() => redis.client.status === 'end', 'the connection is closed');
  t.deepEqual(lines, ['redis is connected']);
});
