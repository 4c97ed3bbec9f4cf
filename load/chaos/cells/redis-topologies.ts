import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const failed = (now: Scrape): number => now.sum('volwatch_redis_failures_total', {});
const hasEffect = (before: Scrape, now: Scrape): boolean => failed(now) > failed(before);

const common = {
  probe: 'price',
  codes: [],
  deadlineMs: 1_500,
  hasEffect,
  unhealthy: 'redis',
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
];
