import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { CacheKey } from '#src/kernel/ports/cache.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { CacheDeps } from '#src/redis/cache.ts';
import { eventually } from '#testkit/eventually.ts';
import { connect, makeCache, redisUrl } from '#testkit/redis.ts';

const setup = (t: ExecutionContext) => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: unknown, message: string) => void warnings.push(message) };
  /** An instance with Redis and without entries in its memory. */
  const instance = async (overrides: Partial<CacheDeps> = {}) => {
    const redis = connect(t, redisUrl());
    await eventually(() => redis.client.status === 'ready', 'redis is connected');
    return makeCache(t, { redis, logger, ...overrides });
  };
  const key: CacheKey = { cache: 'prices', tag: randomUUID(), key: 'first' };
  return { warnings, instance, key };
};

const none = async (): Promise<string> => {
  throw new AppError('database_unavailable');
};

test('two versions side by side keep their own entries, and find none that they cannot read', async (t) => {
  const { warnings, instance, key } = setup(t);
  const next = { secret: Buffer.alloc(32, 8) };
  t.is((await (await instance()).read(key, async () => 'old')).value, 'old');
  t.is((await (await instance(next)).read(key, async () => 'new')).value, 'new');
  const [oldAgain, newAgain] = [await instance(), await instance(next)];
  t.like(await oldAgain.read(key, none), { value: 'old', state: 'hit' });
  t.like(await newAgain.read(key, none), { value: 'new', state: 'hit' });
  t.deepEqual(warnings, []);
  await oldAgain.invalidate(key.tag);
  t.is((await newAgain.read(key, async () => 'newer')).value, 'newer', 'an invalidation counts for both');
});

test('an outage leaves a limited number of warnings, however many reads it fails', async (t) => {
  const { warnings, instance, key } = setup(t);
  const cache = await instance();
  await cache.read(key, async () => 'known');
  await cache.invalidate(key.tag);
  for (let count = 0; count < 100; count += 1) t.is((await cache.read(key, none)).state, 'last_known_good');
  t.deepEqual(
    warnings,
    Array.from({ length: 30 }, () => 'the load failed; the last known value is returned'),
  );
});
