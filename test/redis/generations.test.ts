import { randomUUID } from 'node:crypto';
import test from 'ava';
import type { Redis } from 'ioredis';
import type { RedisConnection } from '#src/redis/client.ts';
import { createGenerations } from '#src/redis/generations.ts';
import { eventually } from '#testkit/eventually.ts';
import { connect, makeCache, redisUrl, throughRedisProxy } from '#testkit/redis.ts';

const keyOf = (tag: string): string => `volwatch:cache:generation:{${tag}}`;
const entryOf = (tag: string) => ({ cache: 'prices', tag, key: 'first' }) as const;
const isReady = ({ client }: RedisConnection): Promise<void> =>
  eventually(() => client.status === 'ready', 'redis is connected');

test('a generation that is created or renewed expires', async (t) => {
  const redis = connect(t, redisUrl());
  await isReady(redis);
  const cache = makeCache(t, { redis });
  const expiry = (tag: string): Promise<number> => redis.client.pttl(keyOf(tag));
  const [read, invalidated] = [randomUUID(), randomUUID()];
  await cache.read(entryOf(read), async () => 1);
  await cache.invalidate(invalidated);
  for (const tag of [read, invalidated]) {
    const ms = await expiry(tag);
    t.true(ms > 0 && ms <= 86_400_000, `${ms} ms`);
  }
  const long = makeCache(t, { redis, staleMs: 864_000_000 });
  await long.invalidate(read);
  t.true((await expiry(read)) > 864_000_000, 'not before the entries');
});

test('after the expiry of a generation no instance returns an answer from before it', async (t) => {
  const redis = connect(t, redisUrl());
  await isReady(redis);
  const [one, other] = [makeCache(t, { redis }), makeCache(t, { redis })];
  const tag = randomUUID();
  let value = 'old';
  const read = async (cache: typeof one) => (await cache.read(entryOf(tag), async () => value)).value;
  t.is(await read(one), 'old');
  t.is(await read(other), 'old');
  const before = await redis.client.get(keyOf(tag));
  await redis.client.del(keyOf(tag));
  value = 'new';
  t.is(await read(one), 'new');
  t.is(await read(other), 'new');
  t.not(await redis.client.get(keyOf(tag)), before);
});

test('an invalidation that was kept does not bring back what was loaded meanwhile', async (t) => {
  const { proxy, url } = await throughRedisProxy(t);
  const [cutOff, direct] = [connect(t, url), connect(t, redisUrl())];
  await isReady(cutOff);
  await isReady(direct);
  const [one, other] = [makeCache(t, { redis: cutOff }), makeCache(t, { redis: direct })];
  const tag = randomUUID();
  await one.read(entryOf(tag), async () => 'first');
  proxy.cut();
  await one.invalidate(tag);
  t.is((await one.read(entryOf(tag), async () => 'old')).value, 'old');
  // Another instance changes the data, and nobody has read them since.
  await other.invalidate(tag);
  for (const part of await (direct.client as Redis).keys('volwatch:cache:entries:{prices-*}')) {
    const names = await direct.client.hkeys(part);
    const own = names.filter((name) => name.endsWith(`:prices:{${tag}}:first`));
    if (own.length > 0) await direct.client.hdel(part, ...own);
  }
  const changed = await direct.client.get(keyOf(tag));
  proxy.restore();
  await eventually(async () => (await direct.client.get(keyOf(tag))) !== changed, 'the kept invalidation is sent');
  t.is((await one.read(entryOf(tag), async () => 'new')).value, 'new');
});

test('the names that a process knows are bounded, and a forgotten one is not used again', (t) => {
  const { local, close } = createGenerations({ redis: undefined, clock: { monotonic: () => 0 }, maxEntryMs: 1 });
  t.teardown(close);
  const first = local('tag');
  t.is(local('tag'), first);
  for (let count = 0; count < 19_999; count += 1) local(`other ${count}`);
  t.is(local('tag'), first);
  for (let count = 0; count < 20_000; count += 1) local(`another ${count}`);
  t.not(local('tag'), first);
});

test('invalidations that could not be sent are kept as long as they have an effect', async (t) => {
  const sent: string[] = [];
  let probe: (tag: string) => Promise<unknown> = async () => {};
  const client = {
    set: async (key: string) => void sent.push(key),
    get: async () => null,
    eval: async () => null,
    publish: async () => 0,
  };
  const down = async (): Promise<never> => {
    throw new Error('down');
  };
  const use = (name: string, given: (tag: string) => Promise<unknown>) => {
    if (name === 'cache_write') probe = given;
    return { run: down, works: () => false };
  };
  const subscriber = () => ({ on: () => {}, once: () => {}, disconnect: () => {}, status: 'wait' });
  let now = 0;
  const generations = createGenerations({
    redis: { client, use, subscriber } as unknown as RedisConnection,
    clock: { monotonic: () => now },
    maxEntryMs: 1_000,
  });
  t.teardown(generations.close);
  for (let count = 0; count < 1_000; count += 1) await generations.next(`early ${count}`);
  now = 600;
  await generations.next('late');
  now = 1_200;
  await generations.next('last');
  await probe('last');
  t.deepEqual(sent.slice(1), [keyOf('late'), keyOf('last')]);
});
