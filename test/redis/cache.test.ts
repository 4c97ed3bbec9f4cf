import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import type { CacheKey } from '#src/kernel/ports/cache.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import type { CacheDeps } from '#src/redis/cache.ts';
import type { RedisConnection } from '#src/redis/client.ts';
import { createFaults } from '#src/telemetry/faults.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { connect, makeCache, redisUrl, throughRedisProxy } from '#testkit/redis.ts';

const requests = 'volwatch_cache_requests_total';

/** A key with a tag that no other test uses. */
const freshKey = (): CacheKey => ({ cache: 'prices', tag: randomUUID(), key: 'first' });

/** A loader that returns 1, 2, 3 and so on, after `delayMs`. It fails while `down` is true. */
const counter = () => {
  const state = { loads: 0, down: false, delayMs: 0 };
  const load = async (): Promise<number> => {
    // The duration of a load.
    if (state.delayMs > 0) await sleep(state.delayMs);
    if (state.down) throw new AppError('database_unavailable');
    state.loads += 1;
    return state.loads;
  };
  return { state, load };
};

const directClient = (t: ExecutionContext): Redis => {
  const client = new Redis(redisUrl());
  t.teardown(() => client.disconnect());
  return client;
};

/** The hash of the entry and its name in it. */
const fieldOf = async (client: Redis, { cache, tag, key }: CacheKey): Promise<[string, string]> => {
  const end = `:${cache}:{${tag}}:${key}`;
  for (const part of await client.keys(`volwatch:cache:entries:{${cache}-*}`)) {
    const name = (await client.hkeys(part)).find((each) => each.endsWith(end));
    if (name !== undefined) return [part, name];
  }
  throw new Error(`no entry ${end}`);
};

const isReady = ({ client }: RedisConnection): Promise<void> =>
  eventually(() => client.status === 'ready', 'redis is connected');

const setup = async (t: ExecutionContext, overrides: Partial<CacheDeps> = {}) => {
  const { proxy, url } = await throughRedisProxy(t);
  const metrics = recordMetrics();
  const redis = connect(t, url);
  await isReady(redis);
  const cache = makeCache(t, { redis, metrics, ...overrides });
  return { proxy, redis, metrics, cache, key: freshKey(), ...counter() };
};

test.serial('a miss loads the value, and later reads are hits, also on another instance', async (t) => {
  const { cache, metrics, key, load, state } = await setup(t);
  t.like(await cache.read(key, load), { value: 1, state: 'miss' });
  t.like(await cache.read(key, load), { value: 1, state: 'hit' });
  const other = await setup(t);
  t.like(await other.cache.read(key, load), { value: 1, state: 'hit' });
  t.is(state.loads, 1);
  t.is(metrics.value(requests, { cache: 'prices', outcome: 'miss' }), 1);
  t.is(metrics.value(requests, { cache: 'prices', outcome: 'hit' }), 1);
});

test.serial('a thousand concurrent reads of a key that is not cached cause one load', async (t) => {
  const { cache, key, load, state } = await setup(t);
  state.delayMs = 20;
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => cache.read(key, load)));
  t.is(state.loads, 1);
  t.true(answers.every(({ value }) => value === 1));
});

test.serial('who shares a load does not get the end or the limit of the caller that began it', async (t) => {
  const { cache, key } = await setup(t);
  let loads = 0;
  for (const code of ['request_timeout', 'concurrency_limit_exceeded', 'database_pool_exhausted'] as const) {
    const error = new AppError(code);
    loads = 0;
    const pending = Promise.withResolvers<never>();
    const own = { ...key, key: error.message };
    const load = async (): Promise<number> => {
      loads += 1;
      return loads === 1 ? pending.promise : loads;
    };
    const begin = () => cache.read(own, load);
    const first = begin();
    const others = [begin(), begin()];
    await eventually(() => loads === 1, 'the load has begun');
    pending.reject(error);
    await t.throwsAsync(first, { message: error.message });
    // Each has a load of its own, or waits for one that began after the error.
    for (const other of others) t.true([2, 3].includes((await other).value));
  }
});

test.serial('an error of a load that all callers get is repeated once at most', async (t) => {
  const { cache, key } = await setup(t);
  let loads = 0;
  const load = async (): Promise<number> => {
    loads += 1;
    await sleep(20);
    throw new TypeError('a fault of the service');
  };
  await Promise.all(Array.from({ length: 100 }, () => t.throwsAsync(cache.read(key, load), { instanceOf: TypeError })));
  t.true(loads <= 3, String(loads));
});

test.serial(
  'after an invalidation no instance returns old values or stores the result of an earlier load',
  async (t) => {
    const one = await setup(t);
    const two = await setup(t);
    const { key, load, state } = one;
    await one.cache.read(key, load);
    await two.cache.read(key, load);
    const loadStarted = Promise.withResolvers<void>();
    const invalidated = Promise.withResolvers<void>();
    const slow = one.cache.read({ ...key, key: 'second' }, async () => {
      loadStarted.resolve();
      await invalidated.promise;
      return 'old';
    });
    await loadStarted.promise;
    await one.cache.invalidate(key.tag);
    t.like(await two.cache.read(key, load), { value: 2, state: 'miss' });
    t.like(await one.cache.read(key, load), { value: 2, state: 'hit' });
    t.is(state.loads, 2);
    invalidated.resolve();
    t.is((await slow).value, 'old');
    t.like(await two.cache.read({ ...key, key: 'second' }, async () => 'new'), { value: 'new', state: 'miss' });
  },
);

test.serial('an instance that loses Redis after an invalidation has received the invalidation', async (t) => {
  const one = await setup(t);
  const two = await setup(t);
  const { key, load } = one;
  await two.cache.read(key, load);
  const generation = (): Promise<string | null> => one.redis.client.get(`volwatch:cache:generation:{${key.tag}}`);
  const subscribers = async (): Promise<number> => {
    const [, count] = (await one.redis.client.pubsub('NUMSUB', 'volwatch:cache:invalidated')) as [string, number];
    return count;
  };
  await eventually(async () => (await subscribers()) >= 2, 'both instances are subscribed');
  const before = await generation();
  await one.cache.invalidate(key.tag);
  t.not(await generation(), before);
  // The instance shows nothing when it receives a message, so the test gives the message time to arrive.
  await sleep(300);
  two.proxy.cut();
  t.like(await two.cache.read(key, load), { value: 2, state: 'miss' });
});

test.serial('a stale entry is returned with a mark, and loaded again once in the background', async (t) => {
  const { cache, metrics, key, load, state } = await setup(t, { ttlMs: 600 });
  await cache.read(key, load);
  // The time is the subject: longer than the TTL and a tenth, which it can have more.
  await sleep(700);
  const answers = await Promise.all([1, 2, 3].map(() => cache.read(key, load)));
  t.deepEqual(
    answers.map((answer) => [answer.value, answer.state]),
    [1, 2, 3].map(() => [1, 'stale']),
  );
  t.true((answers[0]?.ageMs ?? 0) >= 600);
  await eventually(() => state.loads >= 2, 'the entry is loaded again');
  t.is(state.loads, 2);
  t.like(await cache.read(key, load), { value: 2, state: 'hit' });
  t.is(metrics.value('volwatch_cache_stale_age_seconds', { cache: 'prices' }), 3);
});

test.serial('the last known value replaces a failed load, also after an invalidation', async (t) => {
  const { cache, metrics, key, load, state } = await setup(t);
  await cache.read(key, load);
  await cache.invalidate(key.tag);
  state.down = true;
  t.like(await cache.read(key, load), { value: 1, state: 'last_known_good' });
  t.is(metrics.value(requests, { outcome: 'stale' }), 1);
  await t.throwsAsync(
    cache.read(key, async () => {
      throw new Error('a programming error');
    }),
    { message: 'a programming error' },
  );
  await t.throwsAsync(cache.read({ ...key, key: 'never seen' }, load), { instanceOf: AppError });
  state.down = false;
  t.like(await cache.read(key, load), { value: 2, state: 'miss' });
});

test.serial('a forged, truncated or moved entry is a miss and counts as an error', async (t) => {
  const { cache, metrics, key, load } = await setup(t);
  const client = directClient(t);
  await cache.read(key, load);
  const field = await fieldOf(client, key);
  const sealed = String(await client.hget(...field));
  const elsewhere = { ...key, key: 'elsewhere' };
  await cache.read(elsewhere, load);
  const fieldElsewhere = await fieldOf(client, elsewhere);
  let loads = 2;
  for (const [at, text] of [
    [key, sealed.replace(/1$/, '9')],
    [key, sealed.slice(0, 40)],
    [key, 'nonsense'],
    [key, ''],
    [elsewhere, sealed],
  ] as const) {
    await client.hset(...(at === key ? field : fieldElsewhere), text);
    const answer = await makeCache(t, { metrics, ...(await freshInstance(t)) }).read(at, load);
    loads += 1;
    t.like(answer, { value: loads, state: 'miss' }, text);
  }
  t.is(metrics.value(requests, { outcome: 'error' }), 5);
});

/** The connection of an instance without entries in memory. */
const freshInstance = async (t: ExecutionContext): Promise<Partial<CacheDeps>> => {
  const redis = connect(t, redisUrl());
  await isReady(redis);
  return { redis };
};

test.serial(
  'if Redis hangs, one read waits up to 250 ms and later reads come from memory; Redis is used again afterwards',
  async (t) => {
    const { cache, proxy, redis, key, load } = await setup(t);
    await cache.read(key, load);
    proxy.blackhole();
    const durationsMs: number[] = [];
    for (let call = 0; call < 10; call += 1) {
      const startedAt = performance.now();
      t.is((await cache.read(key, load)).value, 1);
      durationsMs.push(performance.now() - startedAt);
    }
    // The limits include 100 ms for a busy machine.
    t.true(Math.max(...durationsMs) < 350, `${Math.max(...durationsMs)} ms`);
    t.true(Math.max(...durationsMs.slice(1)) < 150, `${Math.max(...durationsMs.slice(1))} ms`);
    // This invalidation cannot be sent to Redis. It must be sent when Redis is connected again.
    await cache.invalidate(key.tag);
    t.like(await cache.read(key, load), { value: 2, state: 'miss' });
    const other = await setup(t);
    const generation = (): Promise<string | null> => other.redis.client.get(`volwatch:cache:generation:{${key.tag}}`);
    const before = await generation();
    proxy.restore();
    await isReady(redis);
    await eventually(async () => (await generation()) !== before, 'the invalidation is sent to Redis');
    t.like(await other.cache.read(key, async () => 'newer'), { value: 'newer', state: 'miss' });
  },
);

test.serial('after a flush of Redis all reads are misses, and old values are not returned', async (t) => {
  const { cache, key, load } = await setup(t);
  const client = directClient(t);
  await cache.read(key, load);
  // Only the keys of this tag are deleted, because other tests use the same server.
  await client.del(`volwatch:cache:generation:{${key.tag}}`);
  await client.hdel(...(await fieldOf(client, key)));
  t.like(await cache.read(key, load), { value: 2, state: 'miss' });
  t.like(await cache.read(key, load), { value: 2, state: 'hit' });
});

test.serial('without Redis the process caches in its memory, up to the limit', async (t) => {
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

test.serial('a request for the newest value is not answered from the cache', async (t) => {
  const { cache, key, load } = await setup(t);
  await cache.read(key, load);
  const signal = new AbortController().signal;
  const context = { requestId: 'r', traceId: 't', clientIp: '::1', signal, timings: {}, noCache: true };
  t.like(await runInRequest(context, () => cache.read(key, load)), { value: 2, state: 'miss' });
});

test.serial('the fault point cache.get causes a miss, or throws a configured code', async (t) => {
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
