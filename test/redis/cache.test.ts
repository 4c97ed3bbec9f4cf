import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import type { CacheKey } from '#src/kernel/cache.ts';
import { AppError } from '#src/kernel/errors.ts';
import { silentLogger } from '#src/kernel/logger.ts';
import { noMetrics } from '#src/kernel/metrics.ts';
import { runInRequest } from '#src/kernel/request-context.ts';
import type { CacheDeps } from '#src/redis/cache.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { recordMetrics } from '#test/support/metrics.ts';
import { connect, makeCache, redisUrl, throughRedisProxy } from '#test/support/redis.ts';

const requests = 'volwatch_cache_requests_total';

/** A key, under a tag, that no other test uses. */
const freshKey = (): CacheKey => ({ cache: 'prices', tag: randomUUID(), key: 'first' });

/** A loader that gives 1, 2, 3 and fails while `down`. */
const counter = () => {
  const state = { loads: 0, down: false, tookMs: 0 };
  const load = async (): Promise<number> => {
    if (state.tookMs > 0) await sleep(state.tookMs);
    if (state.down) throw new AppError('database_unavailable');
    state.loads += 1;
    return state.loads;
  };
  return { state, load };
};

const raw = (t: ExecutionContext): Redis => {
  const client = new Redis(redisUrl());
  t.teardown(() => client.disconnect());
  return client;
};

const setup = async (t: ExecutionContext, overrides: Partial<CacheDeps> = {}) => {
  const { proxy, url } = await throughRedisProxy(t);
  const metrics = recordMetrics();
  const redis = connect(t, url);
  while (redis.client.status !== 'ready') await sleep(5);
  const cache = makeCache(t, { redis, metrics, ...overrides });
  return { proxy, redis, metrics, cache, key: freshKey(), ...counter() };
};

test.serial('a miss loads, then everybody hits, on another instance too', async (t) => {
  const { cache, metrics, key, load, state } = await setup(t);
  t.like(await cache.read(key, load), { value: 1, state: 'miss' });
  t.like(await cache.read(key, load), { value: 1, state: 'hit' });
  const other = await setup(t);
  t.like(await other.cache.read(key, load), { value: 1, state: 'hit' });
  t.is(state.loads, 1);
  t.is(metrics.value(requests, { cache: 'prices', outcome: 'miss' }), 1);
  t.is(metrics.value(requests, { cache: 'prices', outcome: 'hit' }), 1);
});

test.serial('a thousand requests for one cold key: one load', async (t) => {
  const { cache, key, load, state } = await setup(t);
  state.tookMs = 20;
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => cache.read(key, load)));
  t.is(state.loads, 1);
  t.true(answers.every(({ value }) => value === 1));
});

test.serial(
  'after an invalidation no instance answers with what was before, nor keeps a load begun before',
  async (t) => {
    const one = await setup(t);
    const two = await setup(t);
    const { key, load, state } = one;
    await one.cache.read(key, load);
    await two.cache.read(key, load);
    const begun = Promise.withResolvers<void>();
    const slow = one.cache.read({ ...key, key: 'second' }, async () => {
      begun.resolve();
      await sleep(50);
      return 'old';
    });
    await begun.promise;
    await one.cache.invalidate(key.tag);
    t.like(await two.cache.read(key, load), { value: 2, state: 'miss' });
    t.like(await one.cache.read(key, load), { value: 2, state: 'hit' });
    t.is(state.loads, 2);
    t.is((await slow).value, 'old');
    t.like(await two.cache.read({ ...key, key: 'second' }, async () => 'new'), { value: 'new', state: 'miss' });
  },
);

test.serial('an instance that cannot reach Redis any more still heard of the invalidation', async (t) => {
  const one = await setup(t);
  const two = await setup(t);
  const { key, load } = one;
  await two.cache.read(key, load);
  // Time for the subscription, then for the news.
  await sleep(300);
  await one.cache.invalidate(key.tag);
  await sleep(300);
  two.proxy.cut();
  t.like(await two.cache.read(key, load), { value: 2, state: 'miss' });
});

test.serial('past its time an entry is answered, marked, and loaded anew once in the background', async (t) => {
  const { cache, metrics, key, load, state } = await setup(t, { ttlMs: 600 });
  await cache.read(key, load);
  await sleep(650);
  const answers = await Promise.all([1, 2, 3].map(() => cache.read(key, load)));
  t.deepEqual(
    answers.map((answer) => [answer.value, answer.state]),
    [1, 2, 3].map(() => [1, 'stale']),
  );
  t.true((answers[0]?.ageMs ?? 0) >= 600);
  for (let look = 0; state.loads < 2 && look < 100; look += 1) await sleep(5);
  t.is(state.loads, 2);
  t.like(await cache.read(key, load), { value: 2, state: 'hit' });
  t.is(metrics.value('volwatch_cache_stale_age_seconds', { cache: 'prices' }), 3);
});

test.serial('what was last known stands in while nothing newer can be had, also after an invalidation', async (t) => {
  const { cache, metrics, key, load, state } = await setup(t);
  await cache.read(key, load);
  await cache.invalidate(key.tag);
  state.down = true;
  t.like(await cache.read(key, load), { value: 1, state: 'last_known_good' });
  t.is(metrics.value(requests, { outcome: 'stale' }), 1);
  await t.throwsAsync(
    cache.read(key, async () => {
      throw new Error('a mistake of ours');
    }),
    { message: 'a mistake of ours' },
  );
  await t.throwsAsync(cache.read({ ...key, key: 'never seen' }, load), { instanceOf: AppError });
  state.down = false;
  t.like(await cache.read(key, load), { value: 2, state: 'miss' });
});

test.serial('a poisoned, truncated or misplaced entry is a miss, counted as an error', async (t) => {
  const { cache, metrics, key, load } = await setup(t);
  const client = raw(t);
  await cache.read(key, load);
  const name = (each: CacheKey): string => `volwatch:cache:${each.cache}:${each.tag}:${each.key}`;
  const sealed = String(await client.get(name(key)));
  const elsewhere = { ...key, key: 'elsewhere' };
  let loads = 1;
  for (const [at, text] of [
    [key, sealed.replace(/1$/, '9')],
    [key, sealed.slice(0, 40)],
    [key, 'nonsense'],
    [key, ''],
    [elsewhere, sealed],
  ] as const) {
    await client.set(name(at), text);
    const answer = await makeCache(t, { metrics, ...(await ready(t)) }).read(at, load);
    loads += 1;
    t.like(answer, { value: loads, state: 'miss' }, text);
  }
  t.is(metrics.value(requests, { outcome: 'error' }), 5);
});

/** An instance whose memory knows nothing. */
const ready = async (t: ExecutionContext): Promise<Partial<CacheDeps>> => {
  const redis = connect(t, redisUrl());
  while (redis.client.status !== 'ready') await sleep(5);
  return { redis };
};

test.serial(
  'Redis hung: at most 250 ms once, then answers from memory; it is used again when it is back',
  async (t) => {
    const { cache, proxy, redis, key, load } = await setup(t);
    await cache.read(key, load);
    proxy.blackhole();
    const took: number[] = [];
    for (let call = 0; call < 10; call += 1) {
      const begun = performance.now();
      t.is((await cache.read(key, load)).value, 1);
      took.push(performance.now() - begun);
    }
    // A busy machine has 100 ms of its own.
    t.true(Math.max(...took) < 350, `${Math.max(...took)} ms`);
    t.true(Math.max(...took.slice(1)) < 150, `${Math.max(...took.slice(1))} ms`);
    // Nobody could have told this instance of an invalidation, so it tells the others as soon as it can.
    await cache.invalidate(key.tag);
    t.like(await cache.read(key, load), { value: 2, state: 'miss' });
    const other = await setup(t);
    proxy.restore();
    while (redis.client.status !== 'ready') await sleep(20);
    await sleep(100);
    t.like(await other.cache.read(key, async () => 'newer'), { value: 'newer', state: 'miss' });
  },
);

test.serial('flushed: everything is a miss, nothing from before comes back', async (t) => {
  const { cache, key, load } = await setup(t);
  const client = raw(t);
  await cache.read(key, load);
  // What FLUSHALL does to this tag; other tests use the same server.
  await client.del(`volwatch:cache:generation:${key.tag}`, `volwatch:cache:prices:${key.tag}:first`);
  t.like(await cache.read(key, load), { value: 2, state: 'miss' });
  t.like(await cache.read(key, load), { value: 2, state: 'hit' });
});

test.serial('without Redis the process caches by itself, within its bound', async (t) => {
  const cache = makeCache(t, { memoryBytes: 3_000 });
  const { load, state } = counter();
  const key = freshKey();
  await cache.read(key, load);
  t.like(await cache.read(key, load), { value: 1, state: 'hit' });
  for (let other = 0; other < 20; other += 1) await cache.read({ ...key, key: `${other}` }, async () => 'x');
  t.like(await cache.read(key, load), { value: 2, state: 'miss' });
  await cache.invalidate(key.tag);
  t.like(await cache.read(key, load), { value: 3, state: 'miss' });
  t.is(state.loads, 3);
});

test.serial('a caller who asks for what is stored now gets it', async (t) => {
  const { cache, key, load } = await setup(t);
  await cache.read(key, load);
  const signal = new AbortController().signal;
  const context = { requestId: 'r', traceId: 't', clientIp: '::1', signal, timings: {}, freshest: true };
  t.like(await runInRequest(context, () => cache.read(key, load)), { value: 2, state: 'miss' });
});

test.serial('the fault point cache.get is a miss; a code that was asked for is given', async (t) => {
  const faults = createFaults({ enabled: true, metrics: noMetrics, logger: silentLogger });
  const { cache, metrics, key, load } = await setup(t, { faults });
  await cache.read(key, load);
  faults.set('cache.get', { mode: 'error', probability: 1, delay_ms: 0 });
  t.like(await cache.read(key, load), { value: 2, state: 'miss' });
  t.is(metrics.value(requests, { outcome: 'error' }), 1);
  faults.set('cache.get', { mode: 'error', probability: 1, delay_ms: 0, error_code: 'overloaded' });
  const error = await t.throwsAsync(cache.read(key, load), { instanceOf: AppError });
  t.is(error?.code, 'overloaded');
});
