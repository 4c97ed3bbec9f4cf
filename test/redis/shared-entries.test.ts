import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { cacheNames, type CacheKey, type CacheName } from '#src/kernel/ports/cache.ts';
import type { CacheDeps } from '#src/redis/cache.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { connect, makeCache } from '#testkit/redis.ts';
import { startRedisServer, type RedisServer } from '#testkit/servers/redis-server.ts';

const mebibyte = 2 ** 20;
const bytesGauge = 'volwatch_cache_shared_bytes';
const evictions = 'volwatch_cache_evicted_total';

const setup = async (t: ExecutionContext, overrides: Partial<CacheDeps> = {}) => {
  const server = await startRedisServer(t);
  const metrics = recordMetrics();
  const redis = connect(t, server.url, { commandTimeoutMs: 10_000 });
  await eventually(() => redis.client.status === 'ready', 'redis is connected');
  const instance = (more: Partial<CacheDeps> = {}) =>
    makeCache(t, { redis, metrics, memoryBytes: 0, redisBytes: 4 * mebibyte, ...overrides, ...more });
  return { server, metrics, cache: instance(), instance };
};

const keyOf = (key: number | string, cache: CacheName = 'prices'): CacheKey => ({ cache, tag: 'u', key: `${key}` });
/** JSON of about so many bytes. */
const textOf = (bytes: number): string => randomBytes(Math.ceil(bytes / 2)).toString('hex');

/** The bytes that Redis has allocated for entries, as it counts them. */
const allocated = async ({ admin }: RedisServer): Promise<number> => {
  const keys = [...(await admin.keys('volwatch:cache:entries:*')), ...(await admin.keys('volwatch:cache:order:*'))];
  const sizes = await Promise.all(keys.map((key) => admin.memory('USAGE', key, 'SAMPLES', 0)));
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
};
const usedMemory = async ({ admin }: RedisServer): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);

/** Stores entries, 50 at once. */
const putAll = async (
  { put }: Pick<ReturnType<typeof makeCache>, 'put'>,
  keys: readonly CacheKey[],
  valueOf: (index: number) => unknown,
): Promise<void> => {
  for (let start = 0; start < keys.length; start += 50) {
    await Promise.all(keys.slice(start, start + 50).map((key, index) => put(key, valueOf(start + index))));
  }
};

test('twenty thousand lists leave Redis within the budget, and the oldest ones make room', async (t) => {
  const { server, metrics, cache, instance } = await setup(t);
  const before = await usedMemory(server);
  // The sizes of a page are up to 15 kB. Smaller ones have more entries, whose structures take memory too.
  const sizes = [15_000, 120, 700, 3_000, 9_500].map(textOf);
  const keys = Array.from({ length: 20_000 }, (_, list) => keyOf(list));
  await putAll(cache, keys, (index) => sizes[index % sizes.length]);
  const bytes = await allocated(server);
  const half = 2 * mebibyte;
  t.true(bytes <= half, `${bytes} bytes in Redis`);
  t.true(bytes > half / 2, `${bytes} bytes in Redis: the budget is used`);
  t.true((await usedMemory(server)) - before <= 2 * half, 'the memory of the server, with its buffers');
  const reported = metrics.value(bytesGauge, { cache: 'prices' });
  t.true(reported >= bytes && reported <= half, `${reported} bytes reported`);
  t.true(metrics.value(evictions, { cache: 'prices' }) > 19_000);
  const other = instance();
  t.is((await other.read(keyOf(19_999), async () => 'loaded')).state, 'hit');
  t.is((await other.read(keyOf(0), async () => 'loaded')).state, 'miss');
});

test('all caches together leave Redis within the budget, with entries of any size', async (t) => {
  const { server, cache } = await setup(t);
  for (const name of cacheNames) {
    const keys = Array.from({ length: 400 }, (_, entry) => keyOf(entry, name));
    const sizes = [200_000, 10, 40_000, 1_000].map(textOf);
    await putAll(cache, keys, (index) => sizes[index % sizes.length]);
  }
  const bytes = await allocated(server);
  t.true(bytes <= 4 * mebibyte, `${bytes} bytes in Redis`);
});

test('the pages that callers ask for do not remove the data of a provider', async (t) => {
  const { cache, instance } = await setup(t);
  await cache.put(keyOf('universe', 'provider'), { bars: textOf(100_000) });
  const page = textOf(15_000);
  const keys = Array.from({ length: 1_000 }, (_, list) => keyOf(list));
  await putAll(cache, keys, () => page);
  t.truthy(await instance().last(keyOf('universe', 'provider')));
});

test('an entry that is stored again counts once', async (t) => {
  const { metrics, cache } = await setup(t);
  const key = keyOf('universe', 'provider');
  for (const bytes of [1_000, 90_000, 20_000]) await cache.put(key, textOf(bytes));
  const reported = metrics.value(bytesGauge, { cache: 'provider' });
  t.true(reported > 20_000 && reported < 30_000, `${reported} bytes`);
  t.is(metrics.value(evictions, { cache: 'provider' }), 0);
});

test('to store an entry does not read the earlier one, which can have megabytes', async (t) => {
  const { server, cache } = await setup(t);
  const reads = async (): Promise<number> =>
    Number(/cmdstat_hget:calls=(\d+)/.exec(await server.admin.info('commandstats'))?.[1] ?? 0);
  await cache.put(keyOf('universe', 'provider'), textOf(1_000));
  const before = await reads();
  await cache.put(keyOf('universe', 'provider'), textOf(1_000));
  t.is(await reads(), before);
  await cache.last(keyOf('universe', 'provider'));
  t.is(await reads(), before + 1);
});

test('an entry that is larger than the part of its cache is not stored, and removes only its predecessor', async (t) => {
  const { server, metrics, cache, instance } = await setup(t);
  await cache.put(keyOf('small', 'provider'), 'small');
  await cache.put(keyOf('large', 'provider'), textOf(mebibyte));
  t.true((await allocated(server)) < mebibyte / 10);
  t.is(metrics.value(evictions, { cache: 'provider' }), 0);
  t.is((await instance().last(keyOf('small', 'provider')))?.value, 'small');
  await cache.put(keyOf('grown', 'provider'), 'small');
  await cache.put(keyOf('grown', 'provider'), textOf(mebibyte));
  t.is(await instance().last(keyOf('grown', 'provider')), undefined, 'its predecessor is not newer than it');
  t.is((await instance().last(keyOf('small', 'provider')))?.value, 'small');
  const none = instance({ redisBytes: 0 });
  await none.put(keyOf('other', 'provider'), 'other');
  t.is(await instance().last(keyOf('other', 'provider')), undefined, 'with a budget of 0 nothing is stored');
});

test('an entry past its age is not used, and the next write removes it', async (t) => {
  const { server, metrics, cache } = await setup(t, { ttlMs: 50, staleMs: 50 });
  const entries = 'volwatch:cache:entries:{provider-0}';
  await cache.put(keyOf('old', 'provider'), 'old');
  t.true((await server.admin.pttl(entries)) > 0, 'the part expires');
  await eventually(async () => (await cache.last(keyOf('old', 'provider'))) === undefined, 'the entry is too old');
  await eventually(async () => {
    await cache.put(keyOf('new', 'provider'), 'new');
    return (await server.admin.hlen(entries)) === 2;
  }, 'the hash has the new entry and the sum of bytes');
  t.is(metrics.value(evictions, { cache: 'provider' }), 0);
});

for (const lost of ['entries', 'order']) {
  test(`a part whose ${lost} are lost is begun anew, within the budget`, async (t) => {
    const { server, metrics, cache, instance } = await setup(t);
    const page = textOf(15_000);
    const keys = Array.from({ length: 100 }, (_, entry) => keyOf(entry, 'provider'));
    await putAll(cache, keys, () => page);
    await server.admin.del(`volwatch:cache:${lost}:{provider-0}`);
    await putAll(cache, keys, () => page);
    t.true((await allocated(server)) <= mebibyte);
    t.true(metrics.value(bytesGauge, { cache: 'provider' }) > mebibyte / 2, 'the budget is used');
    t.truthy(await instance().last(keyOf(99, 'provider')));
  });
}

test('a Redis without memory refuses a write as a whole', async (t) => {
  const { server, metrics, cache, instance } = await setup(t);
  await cache.put(keyOf('first', 'provider'), textOf(1_000));
  const before = metrics.value(bytesGauge, { cache: 'provider' });
  await server.admin.config('SET', 'maxmemory', '1');
  await cache.put(keyOf('second', 'provider'), textOf(1_000));
  t.is(await server.admin.hlen('volwatch:cache:entries:{provider-0}'), 2);
  await server.admin.config('SET', 'maxmemory', '0');
  await eventually(async () => {
    await cache.put(keyOf('second', 'provider'), textOf(1_000));
    return metrics.value(bytesGauge, { cache: 'provider' }) > before;
  }, 'entries are stored again');
  t.true(Math.abs(metrics.value(bytesGauge, { cache: 'provider' }) - 2 * before) < 10, 'the sum is of two entries');
  t.truthy(await instance().last(keyOf('first', 'provider')));
});
