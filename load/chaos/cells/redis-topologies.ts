import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell.ts';
import type { RedisServer } from '#testkit/servers/redis-server.ts';
import { eventually } from '#testkit/eventually.ts';
import type { Scrape } from '../scrape.ts';
import type { World } from '../world.ts';

/** Failed commands, and requests that were limited without Redis because its connection was lost. */
const failed = (now: Scrape): number =>
  now.sum('volwatch_redis_failures_total', {}) + now.sum('volwatch_rate_limit_decisions_total', { backend: 'memory' });
const hasEffect = (before: Scrape, now: Scrape): boolean => failed(now) > failed(before);

const planned = {
  probe: 'price',
  codes: [],
  deadlineMs: 1_500,
  hasEffect,
} as const;
const common = { ...planned, unhealthy: 'redis' } as const;

const roleOf = async ({ admin }: RedisServer): Promise<string> =>
  /role:(\w+)/.exec(await admin.info('replication'))?.[1] ?? '';

const hasReplica = async ({ admin }: RedisServer): Promise<boolean> =>
  /role:master[^]*connected_slaves:[1-9][^]*state=online/.test(await admin.info('replication'));

type Pair = { readonly primary: RedisServer; readonly replica: RedisServer };

/** The servers of the first third of the slots, or those behind Sentinel. Earlier cells may have exchanged their roles. */
const pairOf = async ({ cluster, sentinel }: World): Promise<Pair> => {
  const [first, second] = cluster ? [cluster.primaries[0]!, cluster.replica] : [sentinel!.primary, sentinel!.replica];
  return (await roleOf(first)) === 'master' ? { primary: first, replica: second } : { primary: second, replica: first };
};

/** Waits until the replica could replace its primary, and sets the counters of both to zero. */
const prepare = async (world: World): Promise<void> => {
  const isWhole = async (): Promise<boolean> => {
    const { primary, replica } = await pairOf(world);
    const isGood = (await hasReplica(primary)) && (await roleOf(replica)) === 'slave';
    return isGood && (world.sentinel === undefined || (await world.sentinel.hasGoodReplica()));
  };
  await eventually(isWhole, 'the replica could replace its primary', 30_000);
  const { primary, replica } = await pairOf(world);
  await Promise.all([primary, replica].map(({ admin }) => admin.config('RESETSTAT')));
};

/** Freezes the primary for longer than the servers wait for it. When it continues, another one has replaced it. */
const freeze = {
  prepare,
  holdMs: 0,
  inject: async (world: World): Promise<void> => {
    const { primary } = await pairOf(world);
    primary.hang();
    await sleep(6_000);
    primary.wake();
  },
  heal: () => {},
} as const;

/** The service notices nothing, so the counters of the servers show that it used one after the other. */
const exchange = {
  prepare,
  holdMs: 5_000,
  heal: () => {},
  hasEffect: async (_before: Scrape, _now: Scrape, world: World): Promise<boolean> => {
    const { primary, replica } = await pairOf(world);
    const isUsed = async ({ admin }: RedisServer): Promise<boolean> =>
      /cmdstat_eval/.test(await admin.info('commandstats'));
    return (await isUsed(primary)) && (await isUsed(replica));
  },
} as const;

/** Failures of a Redis Cluster and of servers behind Sentinel. Callers must not notice them. */
export const redisTopologyCells: readonly Cell[] = [
  {
    ...common,
    topology: 'cluster',
    group: 'redis_cluster',
    name: 'node without a replica',
    how: 'SIGKILL to a primary that has no replica: the cluster is down until it returns',
    inject: ({ cluster }) => cluster!.primaries[2]!.stop(),
    heal: ({ cluster }) => cluster!.primaries[2]!.start(),
    holdMs: 5_000,
  },
  {
    ...common,
    topology: 'cluster',
    group: 'redis_cluster',
    name: 'node with a replica',
    how: 'SIGKILL to a primary: its replica takes over, and it returns as a replica',
    inject: ({ cluster }) => cluster!.primaries[0]!.stop(),
    heal: ({ cluster }) => cluster!.primaries[0]!.start(),
    holdMs: 6_000,
  },
  {
    ...common,
    topology: 'sentinel',
    group: 'redis_sentinel',
    name: 'failover',
    how: 'SIGKILL to the primary: the sentinels promote its replica',
    inject: ({ sentinel }) => sentinel!.primary.stop(),
    heal: ({ sentinel }) => sentinel!.primary.start(),
    holdMs: 6_000,
  },
  {
    ...common,
    ...freeze,
    topology: 'cluster',
    group: 'redis_cluster',
    name: 'node frozen',
    how: 'a primary stands still for 6 s, and its replica takes over',
  },
  {
    ...common,
    ...freeze,
    topology: 'sentinel',
    group: 'redis_sentinel',
    name: 'primary frozen',
    how: 'the primary stands still for 6 s: the sentinels promote its replica, and it comes back as a replica',
  },
  {
    ...planned,
    ...exchange,
    topology: 'cluster',
    group: 'redis_cluster',
    name: 'planned failover',
    how: 'CLUSTER FAILOVER: the replica takes the slots of its primary while requests run',
    inject: async (world) => {
      const { replica } = await pairOf(world);
      await replica.admin.call('CLUSTER', 'FAILOVER');
    },
  },
  {
    ...planned,
    ...exchange,
    topology: 'sentinel',
    group: 'redis_sentinel',
    name: 'planned failover',
    how: 'SENTINEL FAILOVER: primary and replica change roles while requests run',
    // The sentinels make the old primary a replica, and so close its connections, only after 8 to 12 s.
    holdMs: 15_000,
    inject: ({ sentinel }) => sentinel!.failOver(),
  },
];
