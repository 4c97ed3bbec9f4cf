import test, { type ExecutionContext } from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { decisions, failures, startUses, useUp } from './redis-uses.ts';
import { makeCache } from '#testkit/redis.ts';
import { startRedisCluster } from '#testkit/servers/redis-cluster.ts';

const start = async (t: ExecutionContext, settings: readonly string[] = []) => {
  const servers = await startRedisCluster(t, settings);
  const uses = startUses(t, { mode: 'cluster', urls: servers.urls });
  await uses.isUp();
  return { ...servers, uses };
};

test.serial('three nodes: every command is carried out, and the keys of an operation are on one node', async (t) => {
  const { primaries, uses } = await start(t);
  for (let round = 0; round < 20; round += 1) await uses.exercise();
  await eventually(() => uses.received.length >= 20, 'messages arrive, whichever node they are sent to');
  t.is(uses.metrics.value(failures), 0, JSON.stringify(uses.lines));
  t.is(uses.metrics.value(decisions, { backend: 'memory' }), 0);
  for (const { admin } of primaries) t.true((await admin.dbsize()) > 0, 'each node has keys');
  t.deepEqual(await uses.health(), { status: 'up' });
  t.is(uses.metrics.value('volwatch_redis_mode', { mode: 'cluster' }), 1);
});

test.serial('the entries of a cache are on several nodes, and within the budget together', async (t) => {
  const { primaries, uses } = await start(t);
  const redisBytes = 2 ** 21;
  const cache = makeCache(t, { redis: uses.redis, redisBytes });
  const page = 'x'.repeat(15_000);
  for (let list = 0; list < 400; list += 20) {
    const keys = Array.from(
      { length: 20 },
      (_, index) => ({ cache: 'prices', tag: 'u', key: `${list + index}` }) as const,
    );
    await Promise.all(keys.map((key) => cache.put(key, page)));
  }
  let bytes = 0;
  for (const { admin } of primaries) {
    const parts = await admin.keys('volwatch:cache:entries:*');
    t.true(parts.length > 0, 'each node has parts');
    for (const part of parts) bytes += Number(await admin.memory('USAGE', part, 'SAMPLES', 0));
  }
  t.true(bytes <= redisBytes && bytes > redisBytes / 8, `${bytes} bytes`);
  t.is(uses.metrics.value(failures), 0, JSON.stringify(uses.lines));
  t.is((await cache.read({ cache: 'prices', tag: 'u', key: '399' }, async () => '')).state, 'hit');
});

test.serial('two instances share limits, invalidations and messages over the cluster', async (t) => {
  const { uses, urls } = await start(t);
  const other = startUses(t, { mode: 'cluster', urls: [urls[2]!] });
  await other.isUp();
  const key = { cache: 'prices', tag: 'tech5', key: 'first' } as const;
  t.like(await uses.cache.read(key, async () => 'old'), { state: 'miss' });
  t.like(await other.cache.read(key, async () => 'never'), { value: 'old', state: 'hit' });
  await other.cache.invalidate('tech5');
  t.like(await uses.cache.read(key, async () => 'new'), { value: 'new', state: 'miss' });
  other.feed.publish('["token"]');
  await eventually(() => uses.received.includes('["token"]'), 'the message arrives at the other instance');
  t.is(await uses.credits.take(999), 0);
  t.true((await other.credits.take(2)) > 0, 'the account of credits is shared');
});

test.serial('a primary that ends is replaced by its replica, and the uses fall back in between', async (t) => {
  const { primaries, replica, uses } = await start(t);
  await primaries[0]!.stop();
  const inMemory = (): number => uses.metrics.value(decisions, { backend: 'memory' });
  await eventually(async () => {
    await uses.exercise();
    return inMemory() > 0;
  }, 'limits are counted in the process');
  t.is(uses.metrics.value(useUp, { use: 'limits' }), 0);
  t.is((await uses.health()).status, 'degraded', 'the other nodes answer');
  await eventually(async () => (await replica.admin.role())[0] === 'master', 'the replica has taken over', 30_000);
  await uses.isUp();
  const before = inMemory();
  for (let round = 0; round < 20; round += 1) await uses.exercise();
  t.is(inMemory(), before);
  const refused = uses.lines.filter(({ message }) => message.startsWith('redis does not carry out'));
  t.true(refused.length <= 6, `at most one line for each use: ${JSON.stringify(refused)}`);
});

test.serial('a node without a replica: CLUSTERDOWN, one line for each use, and no change of sides', async (t) => {
  const { primaries, uses } = await start(t);
  await primaries[2]!.stop();
  await eventually(async () => {
    await uses.exercise();
    return uses.metrics.value(failures, { use: 'limits', reason: 'clusterdown' }) > 0;
  }, 'the cluster is down');
  const counted = uses.metrics.value(decisions, { backend: 'redis' });
  for (let round = 0; round < 100; round += 1) await uses.limit();
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), counted);
  t.regex((await uses.health()).detail ?? '', /limits \(CLUSTERDOWN\)/);
  await primaries[2]!.start();
  await uses.isUp();
  await uses.limit();
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), counted + 1);
});

test.serial('with partial coverage the limiter returns only when the node of the failed key answers', async (t) => {
  const { primaries, uses } = await start(t, ['--cluster-require-full-coverage', 'no']);
  await primaries[2]!.stop();
  // Addresses of all nodes, one of which is down: the first failed key makes the limiter fall back.
  await eventually(async () => {
    await uses.limit();
    return uses.metrics.value(failures, { use: 'limits' }) > 0;
  }, 'a key of the node that is down is used');
  const counted = uses.metrics.value(decisions, { backend: 'redis' });
  for (let round = 0; round < 100; round += 1) {
    await uses.limit();
    await new Promise((done) => setTimeout(done, 20));
  }
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), counted);
  await primaries[2]!.start();
  await uses.isUp();
  await uses.limit();
  t.is(uses.metrics.value(decisions, { backend: 'redis' }), counted + 1);
});

test.serial('a slot that moves: MOVED is followed, and no command fails', async (t) => {
  const { primaries, uses } = await start(t);
  await uses.limit('198.51.100.9');
  const [first, second] = primaries as [(typeof primaries)[0], (typeof primaries)[0]];
  const key = 'volwatch:rate-limit:ip:198.51.100.9';
  const slot = String(await first.admin.call('CLUSTER', 'KEYSLOT', key));
  const owner = Number(slot) <= 5_460 ? 0 : Number(slot) <= 10_922 ? 1 : 2;
  const from = primaries[owner]!;
  const to = owner === 0 ? second : first;
  const [fromId, toId] = await Promise.all(
    [from, to].map(async ({ admin }) => String(await admin.call('CLUSTER', 'MYID'))),
  );
  await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
  await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
  const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, '100')) as string[];
  t.true(keys.includes(key));
  await from.admin.call('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
  // Between the two steps the old node answers ASK.
  await uses.limit('198.51.100.9');
  for (const { admin } of [to, from, ...primaries]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId!);
  await uses.limit('198.51.100.9');
  t.is(await to.admin.get(key), '3');
  t.is(uses.metrics.value(failures), 0, JSON.stringify(uses.lines));
});

test.serial('REDIS_URL with one node of a cluster: MOVED is named, and the uses fall back', async (t) => {
  const { urls } = await startRedisCluster(t);
  const uses = startUses(t, { mode: 'server', url: urls[0]! });
  await eventually(async () => {
    await uses.exercise();
    return uses.metrics.value(failures, { use: 'limits', reason: 'moved' }) > 0;
  }, 'a key of another node is used');
  t.regex((await uses.health()).detail ?? '', /MOVED/);
  t.true(uses.lines.some(({ reason, use }) => reason === 'moved' && use === 'limits'));
});

test.serial(
  'a node that hangs: one command waits, later ones use the process; messages arrive over another node',
  async (t) => {
    const { primaries, replica, uses } = await start(t);
    primaries[0]!.hang();
    t.teardown(() => primaries[0]!.wake());
    await eventually(async () => {
      await uses.limit();
      return uses.metrics.value(failures, { use: 'limits' }) > 0;
    }, 'a key of the node that hangs is used');
    const startedAt = performance.now();
    let inMemory = uses.metrics.value(decisions, { backend: 'memory' });
    for (let round = 0; round < 100; round += 1) await uses.limit();
    // With a wait of each command it would be a hundred times the timeout of a second.
    t.true(performance.now() - startedAt < 20_000);
    t.true(uses.metrics.value(decisions, { backend: 'memory' }) > inMemory);
    await eventually(async () => (await replica.admin.role())[0] === 'master', 'the replica has taken over', 30_000);
    await uses.isUp();
    inMemory = uses.metrics.value(decisions, { backend: 'memory' });
    for (let round = 0; round < 20; round += 1) await uses.exercise();
    t.is(uses.metrics.value(decisions, { backend: 'memory' }), inMemory);
    const received = uses.received.length;
    await eventually(
      () => {
        uses.feed.publish('["after the hang"]');
        return uses.received.length > received;
      },
      'the subscription is on a node that answers',
      30_000,
    );
  },
);
