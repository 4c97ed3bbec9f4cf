import { Redis } from 'ioredis';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';
import type { World } from '../world.ts';

const inMemory = (now: Scrape): number => now.sum('volwatch_rate_limit_decisions_total', { backend: 'memory' });
const usedMemory = (before: Scrape, now: Scrape): boolean => inMemory(now) > inMemory(before);
const refusedWith =
  (reason: string) =>
  (before: Scrape, now: Scrape): boolean =>
    now.sum('volwatch_redis_failures_total', { reason }) > before.sum('volwatch_redis_failures_total', { reason }) &&
    usedMemory(before, now);
const missed = (now: Scrape): number => now.sum('volwatch_cache_requests_total', { outcome: /miss|error/ });

const command = async ({ redis }: World, ...words: [string, ...string[]]): Promise<void> => {
  const client = new Redis(redis.url, { lazyConnect: true });
  await client.connect();
  await client.call(...words);
  client.disconnect();
};

// Without Redis, limits and caches use the memory of the process. No request is refused, and the added delay is at most
// the command timeout.
const common = {
  group: 'redis',
  probe: 'price',
  codes: [],
  deadlineMs: 1_500,
  hasEffect: usedMemory,
  unhealthy: 'redis',
} as const;

export const redisCells: readonly Cell[] = [
  {
    ...common,
    name: 'cut',
    how: 'connections are reset and refused',
    inject: ({ links }) => links.redis.cut(),
    heal: ({ links }) => links.redis.heal(),
  },
  {
    ...common,
    name: 'black hole',
    how: 'bytes vanish, connections stay open',
    inject: ({ links }) => links.redis.addToxic({ type: 'timeout', attributes: { timeout: 0 } }),
    heal: ({ links }) => links.redis.heal(),
  },
  {
    ...common,
    name: 'latency',
    how: '600 ms on each answer, three times the command timeout',
    inject: ({ links }) => links.redis.addToxic({ type: 'latency', attributes: { latency: 600 } }),
    heal: ({ links }) => links.redis.heal(),
  },
  {
    ...common,
    name: 'stopped',
    how: 'SIGKILL to the server, then an empty one in its place',
    inject: ({ redis }) => redis.stop(),
    heal: ({ redis }) => redis.start(),
  },
  {
    ...common,
    name: 'out of memory',
    how: 'maxmemory 1 byte, noeviction: every write is refused',
    inject: async (world) => {
      await command(world, 'config', 'set', 'maxmemory-policy', 'noeviction');
      await command(world, 'config', 'set', 'maxmemory', '1');
    },
    heal: (world) => command(world, 'config', 'set', 'maxmemory', '0'),
  },
  {
    ...common,
    name: 'no permission',
    how: 'the user of the service loses the rights for EVAL and EVALSHA; SET still works',
    inject: (world) => command(world, 'acl', 'setuser', 'default', '-eval', '-evalsha'),
    heal: (world) => command(world, 'acl', 'setuser', 'default', '+eval', '+evalsha'),
    hasEffect: refusedWith('noperm'),
  },
  {
    ...common,
    name: 'read-only',
    how: 'the server becomes a replica, as after a failover: every write is refused',
    inject: (world) => command(world, 'replicaof', '127.0.0.1', '1'),
    heal: (world) => command(world, 'replicaof', 'no', 'one'),
    hasEffect: refusedWith('readonly'),
  },
  {
    group: 'redis',
    name: 'flushed',
    how: 'every key is gone at once',
    probe: 'cached_read',
    codes: [],
    deadlineMs: 1_500,
    inject: (world) => command(world, 'flushall'),
    heal: () => {},
    hasEffect: (before, now) => missed(now) > missed(before),
  },
];
